# SPDX-License-Identifier: BSD-3-Clause
"""Super-frames as a local sender hands them to a device: one frame for many packets, its checksum begun only."""

import socket
import struct

from host import frame_socket

SOL_PACKET, PACKET_VNET_HDR = 263, 15
NEEDS_CSUM, GSO_TCPV4, GSO_UDP = 1, 1, 5
IP_AT, TRANSPORT_AT = 14, 34
TCP, UDP = 6, 17
HEADER_LEN = {TCP: 20, UDP: 8}
CHECKSUM_AT = {TCP: 16, UDP: 6}


def total(data):
    words = struct.unpack(f">{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    value = sum(words)
    while value >> 16:
        value = (value & 0xffff) + (value >> 16)
    return value


def pseudo(packet):
    return packet[12:20] + struct.pack(">HH", packet[9], len(packet) - 20)


def packet_of(protocol, src, dst, payload):
    """With the pseudo header's sum where the checksum is to be."""
    if protocol == TCP:
        transport = struct.pack(">HHIIBBHHH", 7001, 7002, 1, 1, 5 << 4, 0x18, 500, 0, 0)
    else:
        transport = struct.pack(">HHHH", 7001, 7002, 8 + len(payload), 0)
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(transport) + len(payload), 1, 0x4000, 64, protocol, 0,
                         socket.inet_aton(src), socket.inet_aton(dst))
    header = header[:10] + struct.pack(">H", ~total(header) & 0xffff) + header[12:]
    packet = bytearray(header + transport + payload)
    struct.pack_into(">H", packet, 20 + CHECKSUM_AT[protocol], total(pseudo(packet)))
    return bytes(packet)


def is_right(frame):
    """Are the sums of this plain frame right?"""
    packet = frame[IP_AT:IP_AT + struct.unpack(">H", frame[16:18])[0]]
    return total(packet[:20]) == 0xffff and total(pseudo(packet) + packet[20:]) == 0xffff


def payload_of(frame):
    return frame[TRANSPORT_AT + HEADER_LEN[frame[23]]:]


def super_socket(space, interface):
    """Sends super-frames there, by send_super."""
    made = frame_socket(space, interface)
    made.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    return made


def send_super(made, ethernet, protocol, src, dst, payload, piece_len):
    offload = struct.pack("=BBHHHH", NEEDS_CSUM, GSO_TCPV4 if protocol == TCP else GSO_UDP,
                          TRANSPORT_AT + HEADER_LEN[protocol], piece_len, TRANSPORT_AT, CHECKSUM_AT[protocol])
    made.send(offload + ethernet + b"\x08\0" + packet_of(protocol, src, dst, payload))
