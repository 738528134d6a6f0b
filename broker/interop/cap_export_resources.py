"""Attachments of a bulletin as `resource` elements, and the resources that an import kept as words."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from broker.interop.cap_alert import Part
from broker.interop.cap_resources import file_name
from broker.interop.cap_table import ORIGINAL_NAME, rows_of, scope_of
from broker.interop.export_kept import Kept
from broker.protocol.attachments import Attachment
from broker.protocol.bulletin import Bulletin


def resource_parts(bulletin: Bulletin, kept: Kept) -> Iterable[Part]:
    """Give the resources that were kept, with their contents where these are attached, then the other
    attachments.
    """
    waiting = {
        attachment.name: attachment for attachment in bulletin.attachments if attachment.name != ORIGINAL_NAME
    }
    keys = [row.key for row in rows_of("resource").values() if row.key]
    number = 0
    while any(kept.has(scope_of("resource", number + 1) + key) for key in keys):
        number += 1
        part = Part(f"/alert/info[1]/resource[{number}]", number)
        for key in keys:
            if text := kept.one(scope_of("resource", number) + key, ""):
                part.texts[key] = [text]
        name = next((name for name in waiting if _is_of(part, waiting[name])), None)
        if name is not None:
            part.texts["derefUri"] = [waiting.pop(name).content]
        part.texts.setdefault("resourceDesc", ["file"])
        part.texts.setdefault("mimeType", ["application/octet-stream"])
        yield part
    for attachment in waiting.values():
        number += 1
        yield Part(f"/alert/info[1]/resource[{number}]", number, {
            "resourceDesc": [attachment.name],
            "mimeType": [attachment.media_type],
            "size": [str(attachment.size)],
            "uri": [re.sub(r"[^\w.-]", "-", attachment.name, flags=re.ASCII)],
            "derefUri": [attachment.content],
            "digest": [hashlib.sha1(attachment.decoded(), usedforsecurity=False).hexdigest()],
        })  # fmt: skip


def _is_of(resource: Part, attachment: Attachment) -> bool:
    """Whether an import of this resource would give the attachment its name (perhaps with a number before
    it).
    """
    return (
        re.fullmatch(r"(?:\d+-)?" + re.escape(file_name(resource, attachment.media_type)), attachment.name)
        is not None
    )
