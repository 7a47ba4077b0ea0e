"""The data files of the last gallery, of which those stay that were made from the same."""

from io import BytesIO

from catalog_gen.reporting.gallery_script import HEAD
from catalog_gen.reporting.site_folder import SiteFolder
from catalog_gen.reporting.site_manifest import DataFile


class FormerData:
    """What the last writer left in a site; nothing if its index is gone or damaged."""

    def __init__(self, site: SiteFolder) -> None:
        self._site = site
        former = site.former
        usable = site.is_whole(former.index)
        self._index = site.opened(former.index) if usable else BytesIO()
        self._files: dict[str, DataFile] = {}
        self._starts: dict[str, int] = {}
        start = len(HEAD)
        for file in former.data if usable else ():
            self._files[file.made_of] = file
            self._starts[file.path] = start
            start += file.rows

    def kept(self, made_of: str) -> DataFile | None:
        """The file that was made of the same, with all of its photos; None: there is none."""
        file = self._files.get(made_of)
        if file is None or not self._site.keeps(file.path, *file.photos):
            return None
        return file

    def rows(self, file: DataFile) -> bytes:
        """A kept file's rows of the index."""
        self._index.seek(self._starts[file.path])
        return self._index.read(file.rows)
