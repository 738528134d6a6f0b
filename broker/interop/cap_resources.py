"""The files of an alert: what is embedded and small is attached, what is only named is kept as words.

Nothing is fetched: a `uri` is text here. Embedded content whose digest does not fit is not what its sender
sent, and is left out, with a word about it; the alert itself still counts.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Final
from urllib.parse import unquote, urlsplit

from broker.interop.cap_alert import Part
from broker.interop.cap_table import rows_of, scope_of
from broker.interop.draft import Draft, File
from broker.interop.wording import mend
from broker.protocol import limits

_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,100}")
_EXTENSIONS: Final = {
    "image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "application/pdf": ".pdf",
    "audio/mpeg": ".mp3",
    "audio/x-wav": ".wav", "audio/wav": ".wav", "text/plain": ".txt", "text/html": ".html",
}  # fmt: skip
_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|(?:com|lpt)[0-9])(?:\.|$)", re.IGNORECASE)
"""Names that Windows keeps for devices, whatever their ending."""
_NAME_CHARS: Final = 80


def map_resources(alert: Part, draft: Draft) -> None:
    """Attach the embedded resources of all infos, each once, and keep what is said of every one."""
    known: dict[tuple[tuple[str, str], ...], None] = {}
    rows = rows_of("resource")
    for info in alert.infos:
        for resource in info.parts.get("resource", ()):
            said = tuple((name, resource.text(name)) for name in rows)
            if said in known:
                continue
            known[said] = None
            scope = scope_of("resource", len(known))
            for row in rows.values():
                if row.key:
                    draft.keep(scope + row.key, resource.text(row.name), resource.where(row.name))
            if resource.text("derefUri"):
                _attach(resource, draft)


def _attach(resource: Part, draft: Draft) -> None:
    at = resource.where("derefUri")
    try:
        content = base64.b64decode("".join(resource.text("derefUri").split()), validate=True)
    except (binascii.Error, ValueError):
        draft.say(f"{at}: not base64, left out")
        draft.changed = True
        return
    if not _digest_fits(resource.text("digest"), content):
        draft.say(f"{at}: the content is not the one that the digest names, left out")
        draft.changed = True
    elif len(content) > limits.ATTACHMENTS_BYTES:
        draft.say(f"{at}: {len(content)} bytes, a bulletin carries {limits.ATTACHMENTS_BYTES}: left out")
    else:
        media_type = resource.text("mimeType").partition(";")[0].strip().lower()
        if not _MEDIA_TYPE.fullmatch(media_type):
            media_type = "application/octet-stream"
        draft.files.append(File(file_name(resource, media_type), media_type, content))


def file_name(resource: Part, media_type: str) -> str:
    """Give a name that every system can write, from the resource's uri or words."""
    try:
        path = unquote(urlsplit(resource.text("uri")).path)
    except ValueError:
        path = ""
    raw = path.rstrip("/").rpartition("/")[2] or resource.text("resourceDesc") or "resource"
    name = re.sub(r"[^\w.-]+", "-", mend(raw).text).strip(".-_")[:_NAME_CHARS].strip(".-_") or "resource"
    name = f"file-{name}" if _DEVICE.match(name) else name
    return name if "." in name else name + _EXTENSIONS.get(media_type, "")


def _digest_fits(digest: str, content: bytes) -> bool:
    """Whether a CAP digest (SHA-1 in hex; some write SHA-256) is that of `content`; one that is neither says
    nothing.
    """
    digest = digest.lower()
    match len(digest) if re.fullmatch(r"[0-9a-f]+", digest) else 0:
        case 40:
            return hashlib.sha1(content, usedforsecurity=False).hexdigest() == digest
        case 64:
            return hashlib.sha256(content).hexdigest() == digest
        case _:
            return True
