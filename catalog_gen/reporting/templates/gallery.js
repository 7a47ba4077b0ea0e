"use strict";
// Draws the cards and the dialog from the JSON in the page. Text goes in as text nodes only.
(() => {
  const PAGE = 48;
  const LABELS = {
    prompt_adherence: "Prompt adherence",
    visual_realism: "Visual realism",
    artifacts: "Artifacts",
    ecommerce_usability: "E-commerce usability",
    reproducibility: "Reproducibility",
  };
  const DECISIONS = {
    accepted: "Accepted", review: "To review", rejected: "Rejected", unjudged: "Not judged",
    failed: "Failed", unsupported: "Not supported", "empty-view": "Not drawn yet",
  };
  const OUTCOMES = { passed: "accepted", failed: "rejected", coming: "review", "not measured": "unjudged" };
  const byId = (id) => document.getElementById(id);
  const products = JSON.parse(byId("data").textContent);
  const grid = byId("products"), dialog = byId("detail"), found = byId("found");
  const inputs = ["find", "category", "view", "decision"].map(byId);

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

  const views = (product) => {
    const wanted = byId("view").value;
    return wanted ? product.views.filter((view) => view.name === wanted) : product.views;
  };
  const lead = (view) => view.images.find((image) => image.live) || view.images[0] || null;
  function state(view) {
    const image = lead(view);
    if (image) return image.decision;
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
      box.append(make("p", { class: "none" }, view ? view.failures[0] || view.unsupported || "Not drawn yet" : "No view"));
    }
    if (view) box.append(badge(view, image));
    return box;
  }
  function bars(image) {
    return make("span", { class: "bars", "aria-hidden": "true" },
      ...image.criteria.map((one) => make("span", { class: `bar p${one.points}`, title: LABELS[one.name] || one.name }, make("i"))));
  }
  function thumbs(product, view, images, chosen, choose) {
    return make("div", { class: "thumbs" }, ...images.map((image) => make("button",
      { type: "button", class: `thumb is-${image.decision}`, "aria-pressed": String(image === chosen),
        "aria-label": `Candidate ${image.number}, ${DECISIONS[image.decision]}${image.total === null ? "" : `, ${image.total} of 10`}`,
        onclick: () => choose(image) },
      make("img", { src: image.file, alt: "", loading: "lazy" }),
      image.total === null ? "–" : String(image.total))));
  }

  function card(product) {
    const view = views(product).find((one) => one.images.some((image) => image.live)) || views(product)[0];
    const image = view ? lead(view) : null;
    const others = view ? view.images.filter((one) => one !== image) : [];
    return make("article", { class: "card" },
      picture(view, image, "", false),
      make("div", { class: "words" },
        make("h2", {}, make("button", { type: "button", class: "open", "aria-haspopup": "dialog",
          onclick: () => show(product, view, image) }, product.title)),
        make("p", { class: "id" }, [product.id, product.category,
          product.views.length > 1 ? `${product.views.length} views` : ""].filter(Boolean).join(" · ")),
        image && image.total !== null
          ? make("div", { class: "row" }, bars(image), make("span", { class: "score" }, make("b", {}, String(image.total)), " / 10"))
          : null),
      others.length ? thumbs(product, view, others.slice(0, 4), null, (one) => show(product, view, one)) : null);
  }

  function facts(image) {
    const rows = [["Drawn because", image.reason], ["Prompt", image.prompt], ["Negative prompt", image.negative],
      ["Settings", image.settings], ["Seed", image.seed],
      ["CLIP", image.similarity === null ? "" : `similarity ${image.similarity.toFixed(3)}, margin ${image.margin.toFixed(3)}`],
      ["Decided by", image.reviewer], ["Model", image.model.slice(0, 12)], ["Image", image.id.slice(0, 16)]];
    const codes = new Set(["Seed", "Model", "Image"]);
    return make("dl", { class: "made" }, ...rows.filter(([, value]) => value).flatMap(([name, value]) =>
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
    if (!image) return parts;
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

  function show(product, view, image) {
    const attributes = Object.entries(product.attributes);
    dialog.replaceChildren(make("div", { class: "sheet" },
      make("div", { class: "stage" },
        product.views.length > 1 ? make("div", { class: "tabs", role: "group", "aria-label": "Views" },
          ...product.views.map((one) => make("button", { type: "button", class: "tab", "aria-pressed": String(one === view),
            onclick: () => show(product, one, lead(one)) }, one.name))) : null,
        picture(view, image, product.title, true),
        view && view.images.length > 1 ? thumbs(product, view, view.images, image, (one) => show(product, view, one)) : null),
      make("div", { class: "telling" },
        make("div", { class: "top" }, make("div", {},
          make("h2", { id: "detail-title" }, product.title),
          make("p", { class: "stamp" }, [product.id, product.category].filter(Boolean).join(" · "))),
          make("button", { type: "button", class: "close", autofocus: "", "aria-label": "Close", onclick: () => dialog.close() }, "×")),
        attributes.length ? make("ul", { class: "chips" }, ...attributes.map(([name, value]) => make("li", {}, `${name}: ${value}`))) : null,
        ...(view ? verdict(view, image) : []))));
    if (!dialog.open) dialog.showModal();
    else (dialog.querySelector(".thumbs [aria-pressed=true]") || dialog.querySelector(".close")).focus();
    history.replaceState(null, "", `#${encodeURIComponent(product.id)}`);
  }
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => history.replaceState(null, "", location.pathname + location.search));

  const haystack = new Map(products.map((product) =>
    [product, [product.title, product.id, product.category, ...Object.values(product.attributes)].join("\n").toLowerCase()]));
  function matches(product) {
    const [find, category, onlyView, decision] = inputs.map((input) => input.value);
    const shown = views(product);
    if (category && product.category !== category) return false;
    if (onlyView && !shown.length) return false;
    if (find && !find.toLowerCase().split(/\s+/).every((word) => haystack.get(product).includes(word))) return false;
    const images = shown.flatMap((view) => view.images);
    switch (decision) {
      case "": return true;
      case "accepted": return images.some((image) => image.live);
      case "missing": return !shown.length || shown.some((view) => !view.images.some((image) => image.live));
      case "failed": return shown.some((view) => view.failures.length);
      case "rejected": return images.length > 0 && images.every((image) => image.decision === "rejected");
      default: return images.some((image) => image.decision === decision);
    }
  }

  let queue = [];
  function grow() {
    grid.append(...queue.splice(0, PAGE).map(card));
  }
  function filter() {
    queue = products.filter(matches);
    const number = queue.length.toLocaleString("en");
    found.textContent = queue.length === 1 ? "1 product" : `${number} products`;
    grid.replaceChildren();
    if (queue.length) grow();
    else grid.append(make("p", { class: "empty" }, products.length ? "No product fits these filters." : "There are no products yet."));
  }
  function options(select, values) {
    for (const value of [...new Set(values)].filter(Boolean).sort((a, b) => a.localeCompare(b))) {
      select.append(make("option", { value }, value));
    }
  }
  options(byId("category"), products.map((product) => product.category));
  options(byId("view"), products.flatMap((product) => product.views.map((view) => view.name)));
  for (const input of inputs) input.addEventListener("input", filter);
  document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) grow(); },
    { rootMargin: "1200px" }).observe(byId("more"));
  filter();
  const linked = decodeURIComponent(location.hash.slice(1));
  const target = linked && products.find((product) => product.id === linked);
  if (target) show(target, target.views[0], target.views[0] ? lead(target.views[0]) : null);
})();
