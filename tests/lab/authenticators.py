# SPDX-License-Identifier: BSD-3-Clause
"""Owns the recomputation, by openssl, of the authenticators in what our agents were captured to send.

What it knows of the messages is from the RFCs (5944 section 3.5, 3543) and from the page at the head of
firmware/wire/control.h; nothing here is shared with what made them.
"""

import subprocess

import judge

FA_HA_AUTH = 34
REGISTRATION_KINDS = {1: "registration request", 3: "registration reply", 7: "revocation", 15: "acknowledgment"}
CONTROL_KINDS = {1: "control request", 2: "control reply"}
KIND_AT, KEY_ID_AT, CONTROL_MAC_LEN = 4, 8, 32
DIGEST_LEN = {"hmac-sha256": 32, "hmac-md5": 16}
PEER_LABEL = b"hypermip control"


def by_openssl(key, algorithm, data):
    done = subprocess.run(["openssl", "dgst", f"-{algorithm.removeprefix('hmac-')}", "-mac", "HMAC", "-macopt",
                           f"hexkey:{key}", "-binary"], input=data, capture_output=True, check=True)
    return done.stdout


def peer_control_key(key):
    """What two agents make of their registrations' key, for the control channel."""
    return by_openssl(key, "hmac-sha256", PEER_LABEL).hex()


def is_right_registration(message, spi, key, algorithm="hmac-sha256"):
    """Its last extension is the FA-HA authenticator of that SPI, over all that is before it and its own head."""
    length = DIGEST_LEN[algorithm]
    covered, authenticator = message[:-length], message[-length:]
    head = bytes([FA_HA_AUTH, 4 + length]) + spi.to_bytes(4, "big")
    return covered.endswith(head) and authenticator == by_openssl(key, algorithm, covered)


def is_right_control(message, keys):
    """By the key that its key id names; keys: {key id: key}."""
    key = keys.get(int.from_bytes(message[KEY_ID_AT:KEY_ID_AT + 4], "big"))
    covered, authenticator = message[:-CONTROL_MAC_LEN], message[-CONTROL_MAC_LEN:]
    return key is not None and authenticator == by_openssl(key, "hmac-sha256", covered)


def _payloads(path, expression, field):
    """Of each frame that tshark shows under the filter: the innermost layer's bytes."""
    lines = judge.tshark(path, "-Y", expression, "-T", "fields", "-e", field).splitlines()
    return [bytes.fromhex(line.split(",")[-1].replace(":", "")) for line in lines]


def registrations(path):
    """The Mobile IP messages of a capture that bear an authenticator: [(kind, bytes)]."""
    kinds = ", ".join(map(str, REGISTRATION_KINDS))
    return [(REGISTRATION_KINDS[message[0]], message)
            for message in _payloads(path, f"mip.type in {{{kinds}}}", "udp.payload")]


def control_messages(path):
    """Those of the control channel, in tunnels too; the hints, which bear no authenticator, are not among them."""
    messages = _payloads(path, "udp.port == 4340 && data", "data.data")
    return [(CONTROL_KINDS[message[KIND_AT]], message) for message in messages if message[KIND_AT] in CONTROL_KINDS]
