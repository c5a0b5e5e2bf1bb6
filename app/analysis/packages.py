"""Packages that are named in words: `the script uses boto3 and Pillow`."""

import re
from collections.abc import Iterator

from app.analysis.clauses import around, is_denied, listed

READ = 10_000
_KNOWN = listed(
    "pandas numpy polars scipy matplotlib seaborn plotly bokeh altair openpyxl xlsxwriter xlrd httpx aiohttp "
    "beautifulsoup4 bs4 lxml selenium playwright scrapy boto3 paramiko pysftp psycopg psycopg2 psycopg2-binary "
    "sqlalchemy pymysql pymongo asyncpg pillow opencv-python pypdf pypdf2 pdfplumber pymupdf reportlab weasyprint "
    "fpdf2 python-docx python-pptx docxtpl pyyaml ruamel.yaml jinja2 pydantic fastapi feedparser nltk spacy "
    "transformers pytorch tensorflow keras scikit-learn sklearn xgboost lightgbm statsmodels networkx geopandas "
    "rasterio geopy duckdb pyarrow fastparquet python-dateutil dateutil pytz icalendar tabulate tqdm loguru pyjwt "
    "slack-sdk python-telegram-bot google-api-python-client gspread python-dotenv imagehash pytesseract librosa pydub "
    "ffmpeg-python biopython astropy xarray netcdf4 axios cheerio puppeteer lodash dayjs papaparse exceljs nodemailer "
    "ggplot2 dplyr tidyverse readxl lubridate"
)
"""Names that mean a package wherever they stand; words such as `requests` and `click` are not among them."""

_CUE = re.compile(
    r"\b(?:us(?:es?|ing)|needs?|requires?|depend\w{0,6}|import\w{0,5}|librar(?:y|ies)|packages?|modules?|only|except"
    r"|besides|with|through|bibliothek\w{0,2}|pakete?n?|nutz\w{1,2}|verwende\w{1,2}|benutz\w{1,2}|brauch\w{1,2}|nur|mit"
    r"|außer|bibliothèques?|utilis\w{1,3}|paquets?|avec|sauf|seulement|librerías?|bibliotecas?|paquetes?|usa\w{0,2}"
    r"|necesita\w?|con|salvo|solo|via|per|over|through|in)\b",
    re.IGNORECASE,
)
_EXCEPT = re.compile(
    r"\b(?:except(?: for)?|besides|apart from|other than|außer|sauf|hormis|salvo|excepto)\s[\"'`]?$", re.IGNORECASE
)
_WORD = re.compile(r"(?<![\w./@-])(?:github\.com/[\w.-]{1,60}/[\w.-]{1,60}\w|[A-Za-z][\w.-]{2,40}\w)(?![\w@/-])")


def named(text: str) -> Iterator[tuple[str, int]]:
    """Yield the packages that a text says are used, with their places; not those it says are not."""
    for hit in _WORD.finditer(text[:READ]):
        name = hit[0]
        if name.lower() not in _KNOWN and not name.startswith("github.com/"):
            continue
        start, _ = around(text, hit.start())
        is_excepted = _EXCEPT.search(text[max(0, hit.start() - 20) : hit.start()])
        if is_excepted or (_CUE.search(text[start : hit.start()]) and not is_denied(text, hit.start())):
            yield name, hit.start()
