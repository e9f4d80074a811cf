"""What both ends of a render child's pipes agree on."""

from __future__ import annotations

import struct

LENGTH = struct.Struct("<I")
"""Before every frame."""
HEAD = struct.Struct("<III32s32s")
"""Before every mail: lengths of subject, HTML and text in bytes, SHA-256 of HTML and text."""
OUT_OF_MEMORY = 3
"""Exit code of a child whose memory did not suffice."""
