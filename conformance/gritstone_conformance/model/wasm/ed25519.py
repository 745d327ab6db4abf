"""Ed25519 by the book: slow, and right for the few signatures that the suite makes and reads.

Spec: RFC 8032, sections 5.1 and 6.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final, TypeAlias

__all__ = ["public_key", "sign", "verifies"]

_P: Final = 2**255 - 19
_Q: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, _P) % _P
_ROOT: Final = pow(2, (_P - 1) // 4, _P)

_Point: TypeAlias = tuple[int, int, int, int]
"""X, Y, Z and T of extended coordinates: x = X / Z, y = Y / Z, x * y = T / Z."""


def _x_of(y: int, sign_bit: int) -> int | None:
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    if square == 0:
        return None if sign_bit else 0
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P:
        return None
    return _P - x if (x & 1) != sign_bit else x


def _point(x: int, y: int) -> _Point:
    return x, y, 1, x * y % _P


_BASE_Y: Final = 4 * pow(5, -1, _P) % _P
_BASE: Final = _point(_x_of(_BASE_Y, 0) or 0, _BASE_Y)


def _add(a: _Point, b: _Point) -> _Point:
    left, right = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    c, d = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = right - left, d - c, d + c, right + left
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


@lru_cache(maxsize=64)
def _doublings(point: _Point) -> tuple[_Point, ...]:
    """Return a point times 1, 2, 4 and so on, for every bit of a scalar; few points are ever multiplied."""
    found = [point]
    while len(found) < 256:
        found.append(_add(found[-1], found[-1]))
    return tuple(found)


def _times(scalar: int, point: _Point) -> _Point:
    total: _Point = (0, 1, 1, 0)
    for bit, power in enumerate(_doublings(point)):
        if scalar >> bit & 1:
            total = _add(total, power)
    return total


def _same(a: _Point, b: _Point) -> bool:
    return (a[0] * b[2] - b[0] * a[2]) % _P == 0 and (a[1] * b[2] - b[1] * a[2]) % _P == 0


def _encode(point: _Point) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decode(data: bytes) -> _Point | None:
    number = int.from_bytes(data, "little")
    y = number & (1 << 255) - 1
    x = _x_of(y, number >> 255)
    return None if x is None else _point(x, y)


def _secrets(secret: bytes) -> tuple[int, bytes]:
    digest = hashlib.sha512(secret).digest()
    scalar = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
    return scalar, digest[32:]


def _number(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % _Q


@lru_cache(maxsize=64)
def public_key(secret: bytes) -> bytes:
    """Return the public key of a secret of 32 bytes."""
    return _encode(_times(_secrets(secret)[0], _BASE))


def sign(secret: bytes, message: bytes) -> bytes:
    """Return the signature of a message: 64 bytes."""
    scalar, prefix = _secrets(secret)
    key = public_key(secret)
    nonce = _number(prefix, message)
    point = _encode(_times(nonce, _BASE))
    answer = (nonce + _number(point, key, message) * scalar) % _Q
    return point + answer.to_bytes(32, "little")


def verifies(key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether a signature of 64 bytes is that of a key of 32 bytes for a message."""
    point, public = _decode(signature[:32]), _decode(key)
    answer = int.from_bytes(signature[32:], "little")
    if point is None or public is None or answer >= _Q:
        return False
    challenge = _number(signature[:32], key, message)
    return _same(_times(answer, _BASE), _add(point, _times(challenge, public)))
