"""A report as a file of any form: of several questions a table each, in one archive; as PDF and JSON one document."""

import io
import zipfile
from collections.abc import Callable, Iterable, Mapping

from app.domain.reporting import LABELS, File, Form, Report
from app.exporters import csv_file, json_file, parquet, pdf

_SINCE = (1980, 1, 1, 0, 0, 0)
_TABLES: Mapping[Form, tuple[Callable[..., bytes], str]] = {
    "csv": (csv_file.table, csv_file.MEDIA_TYPE),
    "parquet": (parquet.table, parquet.MEDIA_TYPE),
}


def offered(forms: Iterable[Form]) -> dict[Form, str]:
    """Return which of these forms this installation can write, and what they are called."""
    return {form: LABELS[form] for form in forms if form != "parquet" or parquet.is_there()}


def written(report: Report, form: Form) -> File:
    """Write a report; the same answers make the same bytes. Raises Unavailable."""
    if form == "pdf":
        return File("pdf", pdf.MEDIA_TYPE, pdf.document(report))
    if form == "json":
        return File("json", json_file.MEDIA_TYPE, json_file.document(report))
    table, media_type = _TABLES[form]
    if len(report.answers) == 1:
        return File(form, media_type, table(report.answers[0]))
    return File("zip", "application/zip", _archive({f"{one.question}.{form}": table(one) for one in report.answers}))


def _archive(files: Mapping[str, bytes]) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _SINCE), content, zipfile.ZIP_DEFLATED)
    return kept.getvalue()
