"""The frame of all pages."""

import streamlit as st
from PIL import Image

from catalog_gen.web import catalog, experiments, home, review, trying
from catalog_gen.web.parts import errors_shown
from catalog_gen.web.theme import ICON_COLOUR


def show() -> None:
    """The navigation, and the page that the address names."""
    # Pages have no icons of their own: for their sake, Streamlit asks a server of Google.
    page = st.navigation(
        [
            st.Page(home.page, title="Studio", default=True),
            st.Page(review.page, title="Review", url_path="review"),
            st.Page(trying.page, title="Try", url_path="try"),
            st.Page(experiments.page, title="Experiments", url_path="experiments"),
            st.Page(catalog.page, title="Catalog", url_path="catalog"),
        ],
        position="top",
    )
    st.set_page_config(
        page_title=f"{page.title} - catalog_gen",
        page_icon=Image.new("RGB", (32, 32), ICON_COLOUR),
        layout="wide",
    )
    with errors_shown():
        page.run()
