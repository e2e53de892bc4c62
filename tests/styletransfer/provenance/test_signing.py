import datetime
import io

import numpy as np
import pytest
from PIL import Image

from features.images import encode
from features.schema import ConfigError
from styletransfer.provenance import signing
from styletransfer.provenance.record import Provenance, embed_provenance, read_provenance

MADE = Provenance("faithful", "007", "waves", 0.7, "0a1b")


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).integers(0, 256, (45, 67, 3)).astype(np.uint8)


def _write_credentials(folder, private):
    """A certificate for `private` from an authority of our own, and both as PEM files."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    authority = ec.generate_private_key(ec.SECP256R1())
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)

    def certificate(subject, public, is_authority):
        def name(common):
            organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A Shop")
            return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common)])

        usage = x509.KeyUsage(
            digital_signature=not is_authority,
            key_cert_sign=is_authority,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = (
            x509.CertificateBuilder(name("authority"), name(subject), public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
                critical=False,
            )
        )
        if not is_authority:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(purpose, critical=False)
        return builder.sign(authority, hashes.SHA256()).public_bytes(Encoding.PEM)

    chain, key = folder / "chain.pem", folder / "key.pem"
    own = certificate("signer", private.public_key(), False)
    chain.write_bytes(own + certificate("authority", authority.public_key(), True))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return chain, key


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    pytest.importorskip("c2pa", reason="needs the signing extra")
    from cryptography.hazmat.primitives.asymmetric import ec

    return _write_credentials(
        tmp_path_factory.mktemp("pem"), ec.generate_private_key(ec.SECP256R1())
    )


@pytest.fixture(scope="module")
def credentials(files):
    return signing.SigningCredentials.load(*files)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_a_signed_picture_is_intact_and_says_what_was_done(format, picture, credentials):
    plain = embed_provenance(encode(picture, format), format, MADE)
    signed = signing.sign_picture(plain, format, MADE, credentials)
    assert signing.read_signature(signed) == {
        "state": "Valid",
        "issuer": "A Shop",
        "digital_source_type": MADE.digital_source_type,
    }
    assert read_provenance(signed) == MADE
    assert len(signed) - len(plain) < 20_000
    pixels = [np.asarray(Image.open(io.BytesIO(file))) for file in (plain, signed)]
    np.testing.assert_array_equal(*pixels)


def test_a_picture_altered_after_signing_is_invalid(picture, credentials):
    signed = bytearray(signing.sign_picture(encode(picture, "png"), "png", MADE, credentials))
    signed[-30] ^= 1
    assert signing.read_signature(bytes(signed))["state"] == "Invalid"


def test_the_photo_is_named_as_the_parent(picture, credentials):
    import c2pa

    photo = encode(picture[:, ::-1].copy(), "jpeg")
    signed = signing.sign_picture(encode(picture, "webp"), "webp", MADE, credentials, photo)
    manifest = c2pa.Reader("image/webp", io.BytesIO(signed)).get_active_manifest()
    assert [i["relationship"] for i in manifest["ingredients"]] == ["parentOf"]
    (actions,) = [a["data"]["actions"] for a in manifest["assertions"] if "actions" in a["label"]]
    assert [a["action"] for a in actions] == ["c2pa.opened", "c2pa.edited"]
    assert actions[1]["digitalSourceType"] == MADE.digital_source_type
    assert signing.read_signature(signed)["state"] == "Valid"


def test_a_photo_of_no_known_format_is_not_named(picture, credentials):
    signed = signing.sign_picture(encode(picture, "png"), "png", MADE, credentials, b"no picture")
    assert signing.read_signature(signed)["state"] == "Valid"


def test_an_original_is_not_signed(picture, credentials):
    untouched = Provenance("original", "007", "original", 0.0, "v")
    plain = encode(picture, "png")
    assert signing.sign_picture(plain, "png", untouched, credentials) == plain


@pytest.mark.parametrize("encoded", [b"", b"text", None])
def test_a_file_without_manifest_has_no_signature(encoded, picture, files):
    assert signing.read_signature(encode(picture, "png") if encoded is None else encoded) is None


@pytest.mark.parametrize("kind", ["P-384", "Ed25519", "RSA"])
def test_other_kinds_of_keys_sign_too(kind, picture, files, tmp_path):
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    private = {
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
        "RSA": lambda: rsa.generate_private_key(65537, 2048),
    }[kind]()
    credentials = signing.SigningCredentials.load(*_write_credentials(tmp_path, private))
    signed = signing.sign_picture(encode(picture, "jpeg"), "jpeg", MADE, credentials)
    assert signing.read_signature(signed)["state"] == "Valid"


def test_the_key_is_not_shown(credentials):
    assert "PRIVATE" not in repr(credentials)


def test_credentials_that_are_missing_or_wrong_are_refused(files, tmp_path, picture):
    chain, key = files
    with pytest.raises(ConfigError, match="cannot be read"):
        signing.SigningCredentials.load(tmp_path / "no.pem", key)
    with pytest.raises(ConfigError, match="unencrypted PEM"):
        signing.SigningCredentials.load(chain, chain)
    swapped = signing.SigningCredentials(key.read_bytes(), key.read_bytes(), b"es256")
    with pytest.raises(ConfigError, match="cannot be signed"):
        signing.sign_picture(encode(picture, "png"), "png", MADE, swapped)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(signing, "can_sign", lambda: False)
    with pytest.raises(ConfigError, match=r"stylefeed\[signing\]"):
        signing.SigningCredentials.load(tmp_path / "a", tmp_path / "b")
    with pytest.raises(ConfigError, match="c2pa-python"):
        signing.read_signature(b"")
