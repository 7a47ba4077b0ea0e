"""The studio application: a page over the functions that the pipeline itself uses (Streamlit)."""
