"""Encodings are detected by the letters of real words: the right one, or none."""

from pathlib import Path

import pytest

from catalog_gen.errors import FeedError
from tests.catalog.feed_files import read_bytes

RUSSIAN = "id,title\n1,Керамическая кружка\n2,Белая миска\n3,Стеклянная ваза\n"
POLISH = "id,title\n1,Kubek ceramiczny żółty\n2,Miska biała głęboka\n3,Łyżka dębowa śliczna\n"
CZECH = "id,title\n1,Červený hrnek keramický\n2,Dřevěná židle černá\n3,Modrá váza skleněná\n"
HUNGARIAN = "id,title\n1,Piros bögre kőagyag\n2,Fehér tál tűzálló\n3,Fából készült szék\n"
ROMANIAN = "id,title\n1,Ceaşcă ceramică roşie\n2,Bol alb din porţelan\n"
TURKISH = "id,title\n1,K\u0131rm\u0131z\u0131 seramik kupa\n2,Çay şişe\n3,Yeşil ağaç bardak\n"
GERMAN = "id,title\n1,Kaffeebecher grün groß\n2,Schüssel weiß\n"
FRENCH = "id,title\n1,Tasse à café émaillée\n2,Chaise en chêne\n3,Théière en grès\n"
SPANISH = "id,title\n1,Taza de cerámica pequeña\n2,Cuchara de niño\n"
NORDIC = "id,title\n1,Blå kopp i stengods\n2,Grøn skål\n"
ICELANDIC = "id,title\n1,Kaffibolli úr steinleir rauður\n2,Skál hvít og þykk\n"
FOREIGN_NAMES = "id,title\n1,Crème brûlée dish\n2,Jalapeño bowl\n3,Smørrebrød board\n4,Größe 5\n"
JAPANESE = "id,title\n1,赤いマグカップ 赤\n2,白い陶器のボウル 白\n3,木の椅子です\n"
CHINESE = "id,title\n1,红色陶瓷马克杯\n2,白色瓷碗\n"
TAIWANESE = "id,title\n1,紅色陶瓷馬克杯\n2,白色瓷碗\n"
KOREAN = "id,title\n1,빨간 도자기 머그컵\n2,하얀 그릇\n"
GREEK = "id,title\n1,Κόκκινη κεραμική κούπα κόκκινο\n2,Λευκό μπολ λευκό\n"
LITHUANIAN = "id,title\n1,Raudonas puodelis šviesus\n2,Balta lėkštė gili\n3,Mėlyna žalia\n"
HEBREW = "id,title\n1,ספל קרמיקה אדום\n2,קערה לבנה\n"
ARABIC = "id,title\n1,كوب سيراميك أحمر\n2,وعاء أبيض\n"
SIGNS = "id,title\n1,Mug 5 €\n2,Bowl 3° ½\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "cp866"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
        (CZECH, "cp1250"),
        (CZECH, "iso8859-2"),
        (HUNGARIAN, "cp1250"),
        (ROMANIAN, "cp1250"),
        (TURKISH, "cp1254"),
        (GERMAN, "cp1252"),
        (GERMAN, "cp850"),
        (GERMAN, "mac-roman"),
        (GERMAN.upper().replace("ID,TITLE", "id,title"), "cp1252"),
        (FRENCH, "cp1252"),
        (SPANISH, "cp1252"),
        (NORDIC, "cp1252"),
        (ICELANDIC, "cp1252"),
        (FOREIGN_NAMES, "cp1252"),
        (SIGNS, "cp1252"),
        (LITHUANIAN, "cp1257"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc-jp"),
        (CHINESE, "gb18030"),
        (TAIWANESE, "big5"),
        (KOREAN, "euc-kr"),
        (GREEK, "cp1253"),
    ],
)
def test_the_same_letters_come_back(tmp_path: Path, text: str, encoding: str) -> None:
    contents = read_bytes(tmp_path, "feed.csv", text.encode(encoding))
    assert [each.title for each in contents.products] == [
        line.partition(",")[2] for line in text.splitlines()[1:]
    ]


@pytest.mark.parametrize(("text", "encoding"), [(HEBREW, "cp1255"), (ARABIC, "cp1256")])
def test_an_uncertain_encoding_is_refused_and_can_be_set(
    tmp_path: Path, text: str, encoding: str
) -> None:
    with pytest.raises(FeedError, match="encoding") as caught:
        read_bytes(tmp_path, "feed.csv", text.encode(encoding))
    assert "feed.encoding" in caught.value.next_step
    contents = read_bytes(tmp_path, "feed.csv", text.encode(encoding), encoding=encoding)
    assert (contents.encoding, len(contents.products)) == (encoding, 2)


def test_an_encoding_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="not a text encoding"):
        read_bytes(tmp_path, "feed.csv", b"id,title\n1,Mug\n", encoding="latin-99")
