# SPDX-License-Identifier: BSD-3-Clause
"""Owns the check of an emulated guest's memory after a migration.

What the guest's device has given to it, by QEMU, and what the guest's driver has taken, by the guest's kernel, differ by
a constant for all of the guest's life. A migration that brings an older page of the guest's memory along makes the
driver's count lag: then frames were lost in the guest, by the emulator, that every network has delivered.
"""

MODULUS = 65536
ATTEMPTS = 40


class Memory:
    """`frames_given` and `frames_taken` are functions that ask QEMU (None: it does not tell) and the guest."""

    def __init__(self, frames_given, frames_taken):
        self._given = frames_given
        self._taken = frames_taken
        self._constant = None

    def _measure(self):
        """The constant, or None. Frames come meanwhile: each look gives two limits, until they meet."""
        low = high = None
        for _ in range(ATTEMPTS):
            before = self._given()
            taken = self._taken()
            after = self._given()
            if before is None or after is None:
                return None
            one_low, one_high = (before + 1 - taken) % MODULUS, (after - taken) % MODULUS  # the question is a frame
            if low is None:
                low, high = one_low, one_high
            low = one_low if 0 < (one_low - low) % MODULUS < MODULUS // 2 else low
            high = one_high if 0 < (high - one_high) % MODULUS < MODULUS // 2 else high
            if low == high:
                return low
        return None

    def begin(self):
        """Before a migration."""
        if self._constant is None:
            self._constant = self._measure()

    def forgotten(self):
        """After it: how many frames the guest's memory knows nothing of."""
        before, self._constant = self._constant, self._measure()
        if before is None or self._constant is None:
            return 0
        return (self._constant - before) % MODULUS
