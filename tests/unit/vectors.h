/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages made by other programs, as hexadecimal text: what our encoders must write and our decoders read.
 */
#ifndef HM_UNIT_VECTORS_H
#define HM_UNIT_VECTORS_H

/* Key of both messages: SPI 256 (MN-HA) and SPI 257 (FA-HA), HMAC-MD5. Made with scapy and Python's hmac. */
#define VECTOR_MIP_KEY "000102030405060708090a0b0c0d0e0f"

/* Home address 10.1.0.5, home agent 10.1.0.1, care-of address 10.2.0.1, NAI vm1@dc.example. */
#define VECTOR_REQUEST                                 \
    "0102012c0a0100050a0100010a020001e000000012345678" \
    "830e766d314064632e6578616d706c65"                 \
    "20140000010038522d1f7a26ec028701b93e9e27816e"     \
    "2214000001017e25e13dd175d71bb06e9925124dcbcd"
#define VECTOR_REPLY                               \
    "0300012c0a0100050a010001e000000012345678"     \
    "201400000100a97e52c3fbc329d377827c62a51998f2" \
    "221400000101d25be8ffc3783f64d1e97866298b222c"

/* Its revocation by the home agent (HMAC-MD5), and the acknowledgment (HMAC-SHA-256), both with SPI 257. Made
 * with Python's struct and hmac. */
#define VECTOR_REVOCATION                          \
    "07008000 0a010005 0a010001 0a020001 12345678" \
    "221400000101"                                 \
    "a232a5fe15af9bd59c5148872671e370"
#define VECTOR_REVOCATION_ACK    \
    "0f000000 0a010005 12345678" \
    "222400000101"               \
    "c78d00b85207f92173014aee8dad32831002a1ebc0bc5c29bc13eb1588e67f74"

/* What QEMU sends for 52:54:00:11:22:33 after a migration (net/announce.c). */
#define VECTOR_RARP                                       \
    "ffffffffffff 525400112233 8035 0001 0800 06 04 0003" \
    "525400112233 00000000 525400112233 00000000 000000000000000000000000000000000000"

/* Request "imminent" for vm1 to host-b, key 00..1f; made with Python's struct and hmac. */
#define VECTOR_CONTROL_KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define VECTOR_CONTROL                                                       \
    "484d4331 01 01 00 00 00001234 e000000012345678 1122334455667788"        \
    "0103766d31 0206686f73742d62 0306525400112233 04040a010005 0a0400001388" \
    "233b492b2ef5046eec66f7976a42809f7678c69463f0a96128a152adaa50c692"

/* DHCP acknowledgement of 10.1.0.5 for 52:54:00:11:22:33; the fixed part up to the options is built by the
 * test. */
#define VECTOR_DHCP_HEAD "02010600 12345678 00000000 00000000 0a010005 0a010001 00000000 525400112233"
#define VECTOR_DHCP_OPTIONS "63825363 350105 36040a010001 00 330400000e10 0104ffffff00 ff"

#endif
