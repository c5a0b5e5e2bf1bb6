"""What comes out the same in each test is made once a process: each test has an application and engines of its own.

To compile routes, templates and statements anew, and to compress all files, would take longer than most tests.
"""

import gc
import os
import shutil
import sys
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from jinja2 import BytecodeCache
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from app import plugins
from app.web import assets

_MEMORY, _ROOM = Path("/dev/shm"), 1 << 30
_STATEMENTS = 20_000

_compile_rule, _make_engine = Rule.compile, SQLAlchemy._make_engine
_rules, _dialects = {}, {}


class Templates(BytecodeCache):
    """Templates that one test compiled are compiled for the next ones."""

    def __init__(self):
        self._codes = {}

    def load_bytecode(self, bucket):
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket):
        self._codes[bucket.key, bucket.checksum] = bucket.code


templates = Templates()


def memory():
    """The folder in memory, or None where there is none or too little room."""
    is_there = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM
    return _MEMORY if is_there else None


def begin(patch):
    """Share from now on; `patch` takes it back."""
    patch.setattr(Rule, "compile", _compile_rule_once)
    patch.setattr(SQLAlchemy, "_make_engine", _make_engine_that_knows)
    patch.setattr(assets, "Assets", cache(assets.Assets))
    patch.setattr(plugins, "entry_points", lambda group: _entry_points(group, tuple(sys.path)))


def statements(url):
    """Let the engines of this kind of database share what they compile; `url` is a database of the kind."""
    engine = sa.create_engine(url)
    with engine.connect():  # the dialect asks the server what it can do
        pass
    engine.dispose()
    _dialects[engine.name] = (engine.dialect, LRUCache(_STATEMENTS))


def settle():
    """Leave what is there before the first test out of every look for garbage: it stays to the end."""
    gc.collect()
    gc.freeze()


def _compile_rule_once(rule):
    key = (type(rule), rule.rule, rule.subdomain, rule.host, rule.merge_slashes, str(rule.defaults))
    if key not in _rules:
        _compile_rule(rule)
        builders = rule._build.__func__, rule._build_unknown.__func__
        _rules[key] = (rule._parts, rule._trace, rule._converters, frozenset(rule.arguments), builders)
        return
    rule._parts, rule._trace, rule._converters, arguments, builders = _rules[key]
    rule.arguments |= arguments
    rule._build, rule._build_unknown = (builder.__get__(rule, None) for builder in builders)


@cache
def _entry_points(group, _path):
    return entry_points(group=group)


def _make_engine_that_knows(self, bind_key, options, app):
    engine = _make_engine(self, bind_key, options, app)
    if engine.name in _dialects:
        engine.dialect, engine._compiled_cache = _dialects[engine.name]
    return engine
