"""What the site's build changes: a link that leads out of `docs/`, to a file of the repository, becomes its text.

GitHub shows these links. The site has no such file. Set `repo_url` in `mkdocs.yml` to have them lead to the repository.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

LINK = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+[^)#\s]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Rewrite the links of one page; MkDocs calls this.

    Raises:
        FileNotFoundError: a link leads to a file that the repository lacks.
    """
    docs = Path(config.docs_dir)

    def rewritten(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), link[2]))
        if not target.startswith("../"):
            return link[0]
        if not (docs / target).exists():
            raise FileNotFoundError(f"{page.file.src_uri}: no file {link[2]}")
        if config.repo_url:
            return f"[{link[1]}]({config.repo_url.rstrip('/')}/blob/HEAD/{target.removeprefix('../')}{link[3] or ''})"
        return link[1]

    return LINK.sub(rewritten, markdown)
