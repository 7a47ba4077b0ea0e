"use strict";
// Draws the cards and the dialog. The index (a row for each product) came with the page; what else is
// known of a product comes with its data file when it is scrolled to. Text goes in as text nodes only.
(() => {
  const LABELS = {
    prompt_adherence: "Prompt adherence",
    visual_realism: "Visual realism",
    artifacts: "Artifacts",
    ecommerce_usability: "E-commerce usability",
    reproducibility: "Reproducibility",
  };
  const DECISIONS = {
    accepted: "Accepted", review: "To review", rejected: "Rejected", unjudged: "Not judged",
    failed: "Failed", unsupported: "Not supported", "empty-view": "Not drawn yet", loading: "",
  };
  const OUTCOMES = { passed: "accepted", failed: "rejected", coming: "review", "not measured": "unjudged" };
  // The bits of a view's state: as in gallery_script.py.
  const LIVE = 1, WAITING = 2, ALL_REJECTED = 4, FAILED = 8, UNSUPPORTED = 16, UNJUDGED = 32, PRESENT = 64;
  const SHOWS = [
    ["", "All", () => true],
    ["review", "To review", (bits) => bits & WAITING],
    ["live", "Live", (bits) => bits & LIVE],
    ["missing", "No live picture", (bits) => !(bits & LIVE)],
    ["failed", "Failed", (bits) => bits & FAILED],
    ["rejected", "All rejected", (bits) => bits & ALL_REJECTED],
    ["unsupported", "Not supported", (bits) => bits & UNSUPPORTED],
    ["unjudged", "Not judged", (bits) => bits & UNJUDGED],
  ];
  const FILTERS = ["find", "category", "view", "show", "sort"];
  const KEPT_FILES = 80;

  const byId = (id) => document.getElementById(id);
  const grid = byId("products"), dialog = byId("detail"), found = byId("found");
  const input = Object.fromEntries(FILTERS.map((name) => [name, byId(name)]));
  if (typeof galleryIndex === "undefined") {
    grid.firstElementChild.textContent = "The products can't be read: the file data/index-….js is missing or damaged. Copy the whole folder, or run catalog-gen gallery.";
    return;
  }
  const [rows, { categories, views, chunks }] = galleryIndex;
  const fileOf = new Uint32Array(rows.length), placeOf = new Uint8Array(rows.length);
  chunks.reduce((start, [, length, numbers], number) => {
    for (let place = 0, at = start; place < length; place++, at++) {
      fileOf[at] = number; placeOf[at] = place;
      rows[at][2] = numbers[rows[at][2]];  // a file numbers the categories that it has
    }
    return start + length;
  }, 0);
  const bitsOf = (row, view) => row[3 + 2 * view], totalOf = (row, view) => row[4 + 2 * view];
  const everyView = views.map((_, place) => place);

  function make(tag, options = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(options)) {
      if (name === "class") node.className = value;
      else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  }

  // Data files: a script element each, because a page that was opened from disk may not fetch.
  const files = new Map(), arriving = new Map();
  window.galleryChunk = (name, products) => arriving.get(name)?.(products);
  function load(number) {
    const kept = files.get(number);
    if (kept) {
      files.delete(number);
      files.set(number, kept);
      return kept;
    }
    const [name] = chunks[number];
    const file = { products: null };
    file.ready = new Promise((resolve, reject) => {
      const script = make("script", { src: `data/${name}.js` });
      arriving.set(name, (products) => { file.products = products; resolve(products); });
      script.addEventListener("load", () => { script.remove(); arriving.delete(name); if (!file.products) reject(new Error(name)); });
      script.addEventListener("error", () => { script.remove(); arriving.delete(name); files.delete(number); reject(new Error(name)); });
      document.head.append(script);
    });
    files.set(number, file);
    if (files.size > KEPT_FILES) files.delete(files.keys().next().value);
    return file;
  }
  const known = (at) => files.get(fileOf[at])?.products?.[placeOf[at]];
  const productAt = (at) => load(fileOf[at]).ready.then((products) => products[placeOf[at]]);

  // Which picture stands for a view: the one that the filter is about, else the live one.
  function lead(view) {
    const fits = { review: (image) => image.decision === "review", rejected: (image) => image.decision === "rejected",
      unjudged: (image) => image.decision === "unjudged" }[input.show.value];
    if (input.show.value === "failed" && view.failures.length) return null;
    return (fits && view.images.find(fits)) || view.images[0] || null;
  }
  function leadingView(product) {
    const fits = SHOWS.find(([name]) => name === input.show.value)[2];
    const wanted = product.views.filter((view) => !input.view.value || view.name === input.view.value);
    const bits = (view) => {
      const place = views.indexOf(view.name), row = rows[current.get(product.id)];
      return row ? bitsOf(row, place) : 0;
    };
    return wanted.find((view) => input.show.value && fits(bits(view)))
      || wanted.find((view) => view.images.some((image) => image.live)) || wanted[0] || product.views[0] || null;
  }
  const current = new Map(rows.map((row, at) => [row[0], at]));

  function state(view) {
    return view.failures.length ? "failed" : view.unsupported ? "unsupported" : "empty-view";
  }
  function badge(view, image) {
    const kind = image ? image.decision : state(view);
    return make("span", { class: `badge ${kind}` }, image && image.live ? "Live" : DECISIONS[kind]);
  }
  function picture(view, image, alternative, eager) {
    const look = !image ? " blank" : image.decision === "rejected" ? " dim" : "";
    const box = make("div", { class: `picture${look}` });
    if (image) {
      box.append(make("img", { src: image.file, alt: alternative, loading: eager ? "eager" : "lazy", decoding: "async" }));
    } else {
      box.append(make("p", { class: "none" }, view ? view.failures[0] || view.unsupported || "Not drawn yet" : "Not drawn yet"));
    }
    if (view) box.append(badge(view, image));
    return box;
  }
  function bars(image) {
    return make("span", { class: "bars", "aria-hidden": "true" },
      ...image.criteria.map((one) => make("span", { class: `bar p${one.points}`, title: LABELS[one.name] || one.name }, make("i"))));
  }
  function thumbs(images, chosen, choose) {
    return make("div", { class: "thumbs", role: "group", "aria-label": "Candidates" }, ...images.map((image) => make("button",
      { type: "button", class: `thumb is-${image.decision}`, "aria-pressed": String(image === chosen),
        "aria-label": `Candidate ${image.number}, ${image.live ? "live" : DECISIONS[image.decision]}${image.total === null ? "" : `, ${image.total} of 10`}`,
        onclick: () => choose(image) },
      make("img", { src: image.file, alt: "", loading: "lazy" }),
      image.live ? "live" : image.total === null ? "–" : String(image.total))));
  }

  // The grid: only the cards on the screen exist. `queue` has the rows that fit the filters, in order.
  let queue = [], layout = { columns: 1, width: 248, height: 400, gap: 24 }, focused = 0, waiting = 0;
  const cards = new Map();

  function measured() {
    const narrow = window.innerWidth <= 760;
    const gap = narrow ? 14 : 24, least = narrow ? 150 : 240, inside = grid.clientWidth;
    const columns = Math.max(1, Math.floor((inside + gap) / (least + gap)));
    const width = (inside - gap * (columns - 1)) / columns;
    layout = { columns, width, gap, height: Math.round(width) + (narrow ? 124 : 130) + gap };
    grid.style.height = queue.length ? `${Math.ceil(queue.length / columns) * layout.height}px` : "";
  }
  function place(node, position) {
    const { columns, width, height, gap } = layout;
    node.style.width = `${width}px`;
    node.style.height = `${height - gap}px`;
    node.style.transform = `translate(${(position % columns) * (width + gap)}px, ${Math.floor(position / columns) * height}px)`;
  }
  function card(position) {
    const at = queue[position], row = rows[at];
    const node = make("article", { class: "card", "data-position": position, "aria-setsize": queue.length, "aria-posinset": position + 1 },
      make("div", { class: "picture blank" }),
      make("div", { class: "words" },
        make("h2", {}, make("button", { type: "button", class: "open", "aria-haspopup": "dialog",
          tabindex: position === focused ? "0" : "-1", onclick: () => open(position) }, row[1])),
        make("p", { class: "id" }, [row[0], categories[row[2]]].filter(Boolean).join(" · ")),
        make("div", { class: "row" })));
    place(node, position);
    return node;
  }
  function fill(node, at) {
    const product = known(at);
    if (!product || node.dataset.filled) return;
    node.dataset.filled = "1";
    const view = leadingView(product), image = view ? lead(view) : null;
    node.firstElementChild.replaceWith(picture(view, image, "", true));
    const row = node.querySelector(".row");
    if (image && image.total !== null) row.append(bars(image), make("span", { class: "score" }, make("b", {}, String(image.total)), " / 10"));
    const images = product.views.reduce((sum, one) => sum + one.images.length, 0);
    if (images > 1) row.append(make("span", { class: "score" }, `${images} pictures`));
  }
  function draw() {
    const { columns, height } = layout;
    const top = -grid.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor((top - 400) / height) * columns);
    const last = Math.min(queue.length, Math.ceil((top + window.innerHeight + 400) / height) * columns);
    for (const [position, node] of cards) {
      if ((position < first || position >= last) && !node.contains(document.activeElement)) { node.remove(); cards.delete(position); }
    }
    let before = null;
    for (let position = last - 1; position >= first; position--) {
      let node = cards.get(position);
      if (!node) {
        node = card(position);
        cards.set(position, node);
        grid.insertBefore(node, before);
      }
      fill(node, queue[position]);
      before = node;
    }
    clearTimeout(waiting);
    // A moment later: whoever drags the scroll bar past 10,000 products needs none of them.
    waiting = setTimeout(() => {
      for (const [position, node] of cards) {
        const at = queue[position];
        if (!node.dataset.filled) load(fileOf[at]).ready.then(() => fill(node, at), () => { node.firstElementChild.replaceChildren(make("p", { class: "none" }, "Its data file is missing")); });
      }
    }, 60);
  }
  function redraw() {
    cards.clear();
    grid.replaceChildren();
    measured();
    if (queue.length) draw();
    else grid.append(make("p", { class: "empty" }, rows.length ? "No product fits these filters." : "There are no products yet."));
  }
  function focusOn(position) {
    if (position < 0 || position >= queue.length) return;
    cards.get(focused)?.querySelector(".open").setAttribute("tabindex", "-1");
    focused = position;
    const top = grid.getBoundingClientRect().top + window.scrollY + Math.floor(position / layout.columns) * layout.height;
    const bar = getComputedStyle(byId("bar")).position === "sticky" ? byId("bar").offsetHeight : 0;
    if (top - bar < window.scrollY) window.scrollTo(0, top - bar - 12);
    else if (top + layout.height > window.scrollY + window.innerHeight) window.scrollTo(0, top + layout.height - window.innerHeight);
    draw();
    const button = cards.get(position).querySelector(".open");
    button.setAttribute("tabindex", "0");
    button.focus({ preventScroll: true });
  }

  // Filters.
  let haystack = null;
  function fitting() {
    const view = input.view.value ? [views.indexOf(input.view.value)] : everyView;
    const category = input.category.value ? categories.indexOf(input.category.value) : -1;
    const words = input.find.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length) haystack ??= rows.map((row) => `${row[1]}\n${row[0]}\n${categories[row[2]]}`.toLowerCase());
    const rest = [];
    for (let at = 0; at < rows.length; at++) {
      const row = rows[at];
      if (category >= 0 && row[2] !== category) continue;
      if (input.view.value && !(bitsOf(row, view[0]) & PRESENT)) continue;
      if (words.length && !words.every((word) => haystack[at].includes(word))) continue;
      rest.push(at);
    }
    return { view, rest };
  }
  function filter() {
    const { view, rest } = fitting();
    const counts = SHOWS.map(() => 0), chosen = SHOWS.findIndex(([name]) => name === input.show.value);
    queue = [];
    for (const at of rest) {
      const fits = SHOWS.map(([, , test]) => view.some((one) => test(bitsOf(rows[at], one))));
      fits.forEach((yes, number) => { if (yes) counts[number]++; });
      if (fits[chosen]) queue.push(at);
    }
    SHOWS.forEach(([, label], number) => { input.show.options[number].textContent = number ? `${label} (${counts[number].toLocaleString("en")})` : label; });
    const score = (at) => Math.max(...view.map((one) => totalOf(rows[at], one)));
    const open = (at) => view.some((one) => bitsOf(rows[at], one) & WAITING) ? 0 : 1;
    const collator = new Intl.Collator("en", { numeric: true });
    const orders = { title: (a, b) => collator.compare(rows[a][1], rows[b][1]), waiting: (a, b) => open(a) - open(b),
      lowest: (a, b) => (score(a) < 0) - (score(b) < 0) || score(a) - score(b), highest: (a, b) => score(b) - score(a) };
    if (orders[input.sort.value]) queue.sort((a, b) => orders[input.sort.value](a, b) || a - b);
    found.textContent = queue.length === 1 ? "1 product" : `${queue.length.toLocaleString("en")} products`;
    focused = 0;
    redraw();
  }

  // The address: everything that is chosen stands behind the #, so a link to it can be sent.
  function address(opened) {
    const chosen = new URLSearchParams();
    for (const name of FILTERS) if (input[name].value) chosen.set(name, input[name].value);
    if (opened) {
      chosen.set("product", opened.product.id);
      if (opened.image) chosen.set("image", opened.image.id.slice(0, 16));
    }
    const text = chosen.toString();
    return text ? `#${text}` : location.pathname + location.search;
  }
  async function follow() {
    const asked = new URLSearchParams(location.search);
    new URLSearchParams(location.hash.slice(1)).forEach((value, name) => asked.set(name, value));
    for (const name of FILTERS) {
      input[name].value = asked.get(name) || "";
      if (input[name].selectedIndex < 0) input[name].value = "";
    }
    filter();
    const at = current.get(asked.get("product") ?? "");
    if (at === undefined) { if (dialog.open) dialog.close(); return; }
    const product = await productAt(at);
    const linked = asked.get("image");
    const view = (linked && product.views.find((one) => one.images.some((image) => image.id.startsWith(linked)))) || leadingView(product);
    const image = view ? (linked && view.images.find((one) => one.id.startsWith(linked))) || lead(view) : null;
    show(queue.indexOf(at), product, view, image);
  }

  // The dialog.
  function facts(image) {
    const facts = [["Drawn because", image.reason], ["Prompt", image.prompt], ["Negative prompt", image.negative],
      ["Settings", image.settings], ["Seed", image.seed],
      ["CLIP", image.similarity === null ? "" : `similarity ${image.similarity.toFixed(3)}, margin ${image.margin.toFixed(3)}`],
      ["Decided by", image.reviewer],
      ["Stands for", image.products > 1 ? `${image.products} products` : ""], ["Model", image.model.slice(0, 12)], ["Image", image.id.slice(0, 16)]];
    const codes = new Set(["Seed", "Model", "Image"]);
    return make("dl", { class: "made" }, ...facts.filter(([, value]) => value).flatMap(([name, value]) =>
      [make("dt", {}, name), make("dd", {}, codes.has(name) ? make("code", {}, value) : value)]));
  }
  function passport(one) {
    const coming = one.checks.some(([outcome]) => outcome === "coming");
    const word = one.passed ? (coming ? "Pass, rules coming" : "Pass") : "Fail";
    return make("details", {},
      make("summary", {}, make("span", { class: `badge ${one.passed ? "accepted" : "rejected"}` }, word), one.title),
      make("ul", {}, ...one.checks.map(([outcome, words]) =>
        make("li", {}, make("span", { class: `outcome ${OUTCOMES[outcome]}` }, outcome), words))));
  }
  function verdict(view, image) {
    const parts = [make("div", { class: "verdict" }, badge(view, image),
      image && image.total !== null ? make("span", { class: "sum" }, `${image.total} of 10 points`) : null)];
    if (view.failures.length) parts.push(make("ul", { class: "hard rejected" }, ...view.failures.map((why) => make("li", {}, why))));
    if (!image) {
      if (view.unsupported) parts.push(make("p", { class: "stamp" }, view.unsupported));
      return parts;
    }
    if (image.hard.length) parts.push(make("ul", { class: "hard rejected" }, ...image.hard.map((why) => make("li", {}, why))));
    parts.push(make("ul", { class: "criteria" }, ...image.criteria.map((one) => make("li", {},
      make("h3", {}, LABELS[one.name] || one.name),
      make("span", { class: `bar p${one.points}`, role: "img", "aria-label": `${one.points} of 2 points` }, make("i")),
      make("p", {}, one.why)))));
    if (image.passports.length) parts.push(make("section", { class: "passports" },
      make("h3", {}, "Sales channels"), ...image.passports.map(passport)));
    parts.push(facts(image));
    return parts;
  }
  function stage(product, view, image) {
    const shown = picture(view, image, product.title, true);
    if (!image || !image.photo) return shown;
    return make("div", { class: "pair" },
      make("figure", {}, make("div", { class: "picture" }, make("img", { src: image.photo, alt: `Reference photo of ${product.title}` })), make("figcaption", {}, "Reference photo")),
      ...(image.cutout ? [make("figure", {}, make("div", { class: "picture" }, make("img", { src: image.cutout, alt: `What was cut out of the photo of ${product.title}` })), make("figcaption", {}, "Cut out of it"))] : []),
      make("figure", {}, shown, make("figcaption", {}, "Edited picture")));
  }
  function show(position, product, view, image) {
    const attributes = Object.entries(product.attributes);
    const beside = (step, label, sign) => make("button", { type: "button", class: "step", "aria-label": label, title: label,
      ...(position < 0 || !(position + step in queue) ? { disabled: "" } : {}), onclick: () => open(position + step) }, sign);
    const held = dialog.open && document.activeElement?.className;
    dialog.dataset.position = position;
    dialog.replaceChildren(make("div", { class: "sheet" },
      make("div", { class: "stage" },
        product.views.length > 1 ? make("div", { class: "tabs", role: "group", "aria-label": "Views" },
          ...product.views.map((one) => make("button", { type: "button", class: "tab", "aria-pressed": String(one === view),
            onclick: () => show(position, product, one, lead(one)) }, one.name))) : null,
        stage(product, view, image),
        view && view.images.length > 1 ? thumbs(view.images, image, (one) => show(position, product, view, one)) : null),
      make("div", { class: "telling" },
        make("div", { class: "top" }, make("div", {},
          make("h2", { id: "detail-title" }, product.title),
          make("p", { class: "stamp" }, [product.id, product.category].filter(Boolean).join(" · "))),
          make("div", { class: "steps" }, beside(-1, "Previous product", "←"), beside(1, "Next product", "→"),
            make("button", { type: "button", class: "step close", autofocus: "", "aria-label": "Close", title: "Close", onclick: () => dialog.close() }, "×"))),
        attributes.length ? make("ul", { class: "chips" }, ...attributes.map(([name, value]) => make("li", {}, `${name}: ${value}`))) : null,
        ...(view ? verdict(view, image) : [make("p", { class: "stamp" }, "Not drawn yet")]))));
    if (!dialog.open) dialog.showModal();
    else {
      const pressed = { thumb: ".thumbs [aria-pressed=true]", tab: ".tabs [aria-pressed=true]" }[(held || "").split(" ")[0]];
      ((pressed && dialog.querySelector(pressed)) || dialog.querySelector(".close")).focus();
      dialog.scrollTop = pressed ? dialog.scrollTop : 0;
    }
    history.replaceState(null, "", address({ product, image }));
    for (const step of [-1, 1]) if (position >= 0 && position + step in queue) load(fileOf[queue[position + step]]).ready.catch(() => {});
  }
  async function open(position) {
    const product = await productAt(queue[position]);
    focused = position;
    const view = leadingView(product);
    show(position, product, view, view ? lead(view) : null);
  }
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => {
    history.replaceState(null, "", address(null));
    const position = Number(dialog.dataset.position);
    if (position >= 0) focusOn(position);
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (dialog.open) {
      const step = { ArrowLeft: -1, ArrowRight: 1, k: -1, j: 1 }[event.key], position = Number(dialog.dataset.position);
      if (step && position >= 0 && position + step in queue) { event.preventDefault(); open(position + step); }
      return;
    }
    if (event.key === "/" && !typing) { event.preventDefault(); input.find.focus(); return; }
    if (!event.target.classList?.contains("open")) return;
    const { columns, height } = layout, page = Math.max(1, Math.floor(window.innerHeight / height)) * columns;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, PageUp: -page, PageDown: page, Home: -focused, End: queue.length - 1 - focused };
    if (event.key in moves) { event.preventDefault(); focusOn(Math.min(Math.max(focused + moves[event.key], 0), queue.length - 1)); }
  });
  grid.addEventListener("focusin", (event) => {
    const node = event.target.closest(".card");
    if (node) focused = Number(node.dataset.position);
  });

  function options(select, values) {
    for (const value of values) select.append(make("option", { value }, value));
  }
  options(input.category, categories.filter(Boolean).sort((a, b) => a.localeCompare(b)));
  options(input.view, views);
  for (const [name, label] of SHOWS) input.show.append(make("option", { value: name }, label));
  for (const name of FILTERS) input[name].addEventListener("input", () => { filter(); history.replaceState(null, "", address(null)); });
  document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  let frame = 0;
  window.addEventListener("scroll", () => { frame ||= requestAnimationFrame(() => { frame = 0; if (queue.length) draw(); }); }, { passive: true });
  window.addEventListener("resize", () => { measured(); cards.forEach((node, position) => place(node, position)); if (queue.length) draw(); });
  window.addEventListener("hashchange", follow);
  follow().catch(() => {});
  document.documentElement.dataset.usable = String(Math.round(performance.now()));
})();
