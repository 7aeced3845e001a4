"""The files that pages load: htmx is the published one, and nothing comes from elsewhere."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

WEB = Path(__file__).parents[2] / "tidemark" / "web"
# SHA-256 of dist/htmx.min.js in the npm package htmx.org 2.0.11, whose integrity the registry publishes as
# sha512-Thx/WtpeOQqSrqBCw/A1cwGJGg4UrVa3+sW0GmrM3p4gJgO89ecH4qtbnyzDDWFvBTqjnIMCgELTNt636dtamA==
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on|javascript:")
HTMX = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"


def test_htmx_is_the_published_file_with_its_licence():
    assert hashlib.sha256((WEB / "static" / "htmx-2.0.11.min.js").read_bytes()).hexdigest() == HTMX
    assert "Zero-Clause BSD" in (WEB / "static" / "htmx-LICENSE.txt").read_text()


def test_templates_contain_no_inline_script_style_or_handler():
    templates = sorted((WEB / "templates").glob("*.html"))
    assert len(templates) > 15
    for template in templates:
        text = template.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|hx-on|javascript:", text), (
            template
        )
        assert "|safe" not in text.replace(" ", ""), template
        assert "autoescape" not in text, template


def test_nothing_is_loaded_from_another_server():
    for file in [*(WEB / "templates").glob("*"), WEB / "static" / "style.css", WEB / "static" / "page.js"]:
        addresses = re.findall(r"(?:https?:)?//[a-z][\w.-]+\.[a-z]+", file.read_text())
        assert addresses == [], file
