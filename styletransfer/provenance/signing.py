"""Content Credentials: a signed C2PA manifest in the picture file, made offline.

C2PA Technical Specification 2.x, through the optional package `c2pa-python`. The certificate is the
user's own; whether readers trust it is up to who issued it.
"""

from __future__ import annotations

import importlib.util
import io
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from PIL import Image

from features.images import PictureFormat
from features.schema import ORIGINAL, ConfigError
from styletransfer.provenance.record import Provenance

# Nothing is fetched, whatever a picture asks for; thumbnails would be larger than the picture.
_SETTINGS: Final = {
    "core": {"allowed_network_hosts": []},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
_READABLE: Final = ("JPEG", "PNG", "WEBP", "TIFF", "GIF")
_ES_OF_CURVE: Final = {"secp256r1": b"es256", "secp384r1": b"es384", "secp521r1": b"es512"}


@dataclass(frozen=True)
class SigningCredentials:
    """What signs: PEM certificates, the signer's own first, and its PEM private key.

    `algorithm` is the C2PA name of the signature algorithm that the key is for.
    """

    chain: bytes
    key: bytes = field(repr=False)
    algorithm: bytes

    @classmethod
    def load(cls, chain: Path, key: Path) -> SigningCredentials:
        """Read two PEM files; the key is on P-256, P-384 or P-521, Ed25519, or RSA.

        Raises ConfigError when a file is missing, the key is encrypted or of another kind, or
        the package `c2pa-python` is not installed.
        """
        _c2pa()
        # A dependency of c2pa-python, imported by name since it is as optional.
        ec, ed25519, rsa = (
            import_module(f"cryptography.hazmat.primitives.asymmetric.{kind}")
            for kind in ("ec", "ed25519", "rsa")
        )
        serialization = import_module("cryptography.hazmat.primitives.serialization")

        try:
            chain_pem, key_pem = chain.read_bytes(), key.read_bytes()
            private = serialization.load_pem_private_key(key_pem, password=None)
        except OSError as error:
            raise ConfigError(f"signing credentials cannot be read: {error}") from error
        except (ValueError, TypeError) as error:
            raise ConfigError(
                f"signing key {key} cannot be used ({error}): expected an unencrypted PEM key"
            ) from error
        algorithm = None
        if isinstance(private, ec.EllipticCurvePrivateKey):
            algorithm = _ES_OF_CURVE.get(private.curve.name)
        elif isinstance(private, ed25519.Ed25519PrivateKey):
            algorithm = b"ed25519"
        elif isinstance(private, rsa.RSAPrivateKey):
            algorithm = b"ps256"
        if algorithm is None:
            raise ConfigError(
                f"signing key {key} is of a kind C2PA does not know, got "
                f"{type(private).__name__}: expected P-256, P-384, P-521, Ed25519 or RSA"
            )
        return cls(chain_pem, key_pem, algorithm)


def sign_picture(
    encoded: bytes,
    format: PictureFormat,
    provenance: Provenance,
    credentials: SigningCredentials,
    source: bytes | None = None,
) -> bytes:
    """Sign an encoded picture, last of all: any later change to the file breaks the signature.

    Args:
        encoded: a whole file of `format`, its provenance embedded.
        format: jpeg, png or webp.
        provenance: what was done; an untouched photo (mode original) is returned as it is.
        credentials: the certificate and key to sign with.
        source: the photo's file; when given, it is the manifest's parent ingredient.

    Returns:
        The file with a manifest. Each manifest has a fresh id and each signature fresh randomness:
        signing twice does not give the same bytes.

    Raises:
        ConfigError: `c2pa-python` is not installed, or the credentials cannot sign.
    """
    if provenance.mode == ORIGINAL:
        return encoded
    c2pa = _c2pa()
    made = {"digitalSourceType": provenance.digital_source_type}
    actions: list[dict[str, Any]] = [{"action": "c2pa.created", **made}]
    source_format = None if source is None else _format_of(source)
    if source_format is not None:
        opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["photo"]}}
        actions = [opened, {"action": "c2pa.edited", **made}]
    manifest = {
        "claim_generator_info": [{"name": "stylefeed", "version": version("stylefeed")}],
        "title": f"{provenance.item_id} in {provenance.style_id}",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    signed = io.BytesIO()
    try:
        info = c2pa.C2paSignerInfo(credentials.algorithm, credentials.chain, credentials.key, None)
        with (
            c2pa.Context.from_dict(_SETTINGS) as context,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(manifest, context) as builder,
        ):
            if source is not None and source_format is not None:
                ingredient = {"label": "photo", "title": "photo", "relationship": "parentOf"}
                builder.add_ingredient(ingredient, source_format, io.BytesIO(source))
            builder.sign(signer, f"image/{format}", io.BytesIO(encoded), signed)
    except c2pa.C2paError as error:
        raise ConfigError(
            f"picture cannot be signed ({error}): expected a certificate chain in PEM, the "
            "signer's own first, with the key that belongs to it and the usage C2PA demands"
        ) from error
    return signed.getvalue()


def read_signature(encoded: bytes) -> dict[str, str] | None:
    """What the C2PA manifest of a picture file says of its signature, None without a manifest.

    Returns `state` (Invalid: altered since; Valid: intact, signer unknown; Trusted), `issuer` and
    `digital_source_type`, empty where not given. Nothing is fetched from any network. Raises
    ConfigError when `c2pa-python` is not installed.
    """
    c2pa = _c2pa()
    format = _format_of(encoded)
    if format is None:
        return None
    try:
        with (
            c2pa.Context.from_dict(_SETTINGS) as context,
            c2pa.Reader(format, io.BytesIO(encoded), context=context) as reader,
        ):
            manifest = reader.get_active_manifest() or {}
            state = reader.get_validation_state() or ""
    except c2pa.C2paError:
        return None
    types = [
        action["digitalSourceType"]
        for assertion in manifest.get("assertions", [])
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
        if "digitalSourceType" in action
    ]
    return {
        "state": state,
        "issuer": manifest.get("signature_info", {}).get("issuer", ""),
        "digital_source_type": types[0] if types else "",
    }


def can_sign() -> bool:
    """Whether the optional package `c2pa-python` is installed."""
    return importlib.util.find_spec("c2pa") is not None


def _c2pa() -> ModuleType:
    if not can_sign():
        raise ConfigError(
            "Content Credentials need the package c2pa-python, which is not installed: "
            "install stylefeed[signing]"
        )
    return import_module("c2pa")


def _format_of(encoded: bytes) -> str | None:
    """MIME type of a picture file that can hold or be named in a manifest."""
    try:
        with Image.open(io.BytesIO(encoded), formats=_READABLE) as image:
            return f"image/{str(image.format).lower()}"
    except (OSError, SyntaxError, ValueError):
        return None
