"""Parts of a message's content as the APIs have them: texts, pictures and files."""

from typing import Any

from app.domain.thread import Attachment
from app.importers.values import file_name, joined, name_of, record, records, size_of, text_of, words

TEXTS = {"text", "input_text", "output_text", "refusal", ""}
FILES = {"file", "input_file", "document", "image", "image_url", "input_image", "container_upload"}
SLASHES_OF_A_HOST = 2  # https://host names no file


def said(content: Any) -> str:
    """Return the text that a reader sees."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return joined(
        part if isinstance(part, str) else text_of(part) or words(record(part).get("refusal"))
        for part in content
        if isinstance(part, str) or words(record(part).get("type")) in TEXTS
    )


def attachments_of(content: Any) -> list[Attachment]:
    """Return the files of a content that have a name, each once."""
    found: dict[str, Attachment] = {}
    for part in records(content):
        if words(part.get("type")) in FILES and (item := _attachment(part)) and item.name not in found:
            found[item.name] = item
    return list(found.values())


def _attachment(part: dict[str, Any]) -> Attachment | None:
    inner, source = record(part.get("file")), record(part.get("source"))
    link = part.get("image_url") or part.get("file_url") or source.get("url")
    link = record(link).get("url") if isinstance(link, dict) else link
    name = name_of(
        part.get("title"), part.get("filename"), part.get("file_name"), part.get("name"),
        inner.get("filename"), inner.get("name"), source.get("filename"), _linked(link),
    )  # fmt: skip
    if not name:
        return None
    held = words(source.get("data")) if source.get("type") == "text" else said(source.get("content"))
    return Attachment(name, words(source.get("media_type")), size_of(inner.get("size")), held)


def _linked(link: Any) -> str | None:
    """Return the file that a link names; a picture inside the message has no name."""
    name = file_name(link) if words(link).startswith(("http://", "https://")) else ""
    return name if "." in name and words(link).count("/") > SLASHES_OF_A_HOST else None
