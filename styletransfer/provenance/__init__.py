"""Where a picture comes from: XMP, IPTC and EXIF records, signatures, and the invisible mark."""
