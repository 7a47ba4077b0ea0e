"""The script that Streamlit runs for every session and every change: the frame of all pages."""

import streamlit as st

from catalog_gen.web import catalog, review, trying
from catalog_gen.web.parts import errors_shown

st.set_page_config(page_title="catalog_gen studio", layout="wide")
page = st.navigation(
    [
        st.Page(review.page, title="Review", icon=":material/rate_review:", url_path="review"),
        st.Page(trying.page, title="Try", icon=":material/brush:", url_path="try"),
        st.Page(catalog.page, title="Catalog", icon=":material/photo_library:", url_path="catalog"),
    ],
    position="top",
)
with errors_shown():
    page.run()
