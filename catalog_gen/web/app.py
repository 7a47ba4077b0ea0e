"""The script that Streamlit runs for every session and every change."""

# A process that is spawned meanwhile imports this file, too, under another name.
if __name__ == "__main__":
    from catalog_gen.web.frame import show

    show()
