"""Headers of every answer, and how static files are kept."""

import gzip
import re

import pytest

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "media-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)


@pytest.mark.parametrize("path", ["/login", "/nowhere", "/healthz", "/static/carillon.css", "/"])
def test_every_answer_carries_the_policy(client, path):
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_pages_have_nothing_inline(ada):
    for path in ("/me/profile", "/me/security", f"/t/{ada.slug}/settings/members", "/login"):
        page = ada.get(path).text
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*(src=|application/json))", page), (
            path
        )


def test_pages_vary_by_who_and_how_they_are_asked(ada):
    page = ada.get("/me/profile")
    assert {"HX-Request", "HX-Request-Type", "Cookie"} <= set(page.vary)
    assert page.headers["Cache-Control"] == "private, no-cache"


def test_parts_are_not_stored(ada):
    assert ada.get("/me/profile", headers={"HX-Request": "true"}).headers["Cache-Control"] == "no-store"


def test_static_files_have_names_that_may_be_kept_for_ever(client):
    page = client.get("/login").text
    addresses = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', page))
    assert any(".css" in address for address in addresses)
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["Cache-Control"], address


def test_the_style_sheet_is_one_compressed_file(client):
    plain, small = (
        client.get("/static/carillon.css", headers={"Accept-Encoding": how}) for how in ("identity", "gzip")
    )
    assert gzip.decompress(small.data) == plain.data
    assert plain.text.startswith("@layer reset")
    assert len(small.data) < len(plain.data) / 4


def test_an_unchanged_file_is_not_sent_again(client):
    first = client.get("/static/carillon.css")
    again = client.get("/static/carillon.css", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_files_outside_are_not_served(client):
    assert client.get("/static/../wsgi.py").status_code == 404
    assert client.get("/static/css/base.css").status_code == 404
