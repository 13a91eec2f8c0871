"""ReckOn's rules in plain Python and numpy: one neuron, pair or row at a time.

Written from the specification's text alone, with wide integers and shift registers that
move bit by bit. It shares no code with the twin.
"""

import numpy as np


def s(x, bits):
    """Two's complement."""
    x &= (1 << bits) - 1
    return x - (1 << bits) if x >> (bits - 1) else x


def sat(x, bits):
    return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, x))


OFFSETS = {
    "round15": [0] + [i - 15 for i in range(1, 15)],
    "round7": [0, -14, -7, -13, -6, -12, -5, -11, -4, -10, -3, -9, -2, -8, -1],
    "noise": [0, 1, 2] + list(range(-14, 0)),
    "weight": [0, 1, 2] + list(range(-22, 0)),
    "out": [0] + [i - 22 for i in range(1, 22)],
}
KINDS = {  # state bits, lag, bits per word
    "round15": (15, 1, 15),
    "round7": (15, 1, 7),
    "noise": (17, 3, 32),
    "weight": (25, 3, 512),
    "out": (22, 1, 448),
}


class Stream:
    """One generator: the window of its stream that it still knows."""

    def __init__(self, kind, state):
        self.n, self.lag, self.J = KINDS[kind]
        self.off = OFFSETS[kind]
        assert len(self.off) == self.n == len(set(self.off))
        # The window in order of the stream, and the position of its first bit.
        self.low = min(self.off)
        known = {o: state >> i & 1 for i, o in enumerate(self.off)}
        self.bits = [known[o] for o in range(self.low, self.low + self.n)]

    def word(self):
        bits, lag, n = self.bits, self.lag, self.n
        for _ in range(self.J):
            bits.append(bits[-lag] ^ bits[-n])
        text = "".join(map(str, bits[-self.low : self.J - self.low]))
        self.bits = bits[self.J :]
        return int(text[::-1], 2)

    @property
    def state(self):
        return sum(self.bits[o - self.low] << i for i, o in enumerate(self.off))


class Model:
    """A chip. `g` holds the registers by their documented names, without `SPI_`."""

    def __init__(self, g, alpha12, thr, alpha_conf, winp, wrec, wout, raw=None):
        self.g = dict(g)
        self.alpha = [
            (0x8000 if alpha_conf >> p & 1 else 0x7000) | int(alpha12[p])
            for p in range(128)
        ]
        self.thr = [int(t) for t in thr]
        self.winp, self.wrec = np.zeros((256, 256), int), np.zeros((256, 256), int)
        self.wout = np.zeros((256, 16), int)
        for mine, given in (
            (self.winp, winp),
            (self.wrec, wrec),
            (self.wout, wout),
        ):
            mine[: given.shape[0], : given.shape[1]] = given
        raw = raw or {}
        self.raw = {
            k: list(map(int, raw.get(k, [0] * 256)))
            for k in ("u", "tinp", "trec", "tout")
        }
        self.dirty = [False] * 128
        self.o, self.cnt = [0] * 16, [0] * 16
        self.z, self.inp = [0] * 256, [0] * 256
        self.I, self.R, self.O = (g[f"NUM_{k}_NEUR"] for k in ("INP", "REC", "OUT"))
        self.NN, self.RO = max(self.I, self.R), max(self.I, self.R, self.O)

        def two(kind, seed):
            return [Stream(kind, seed & 0x7FFF), Stream(kind, seed >> 15)]

        self.neur = two("round15", g["SEED_STRND_NEUR"])
        self.oneur = Stream("round7", g["SEED_STRND_ONEUR"])
        self.ltinp = two("round15", g["SEED_STRND_TINP"])
        self.ltrec = two("round15", g["SEED_STRND_TREC"])
        self.ltout = two("round7", g["SEED_STRND_TOUT"])
        self.noise = Stream("noise", g["SEED_NOISE_NEUR"])
        self.linp = Stream("weight", g["SEED_INP"])
        self.lrec = Stream("weight", g["SEED_REC"])
        self.lout = Stream("out", g["SEED_OUT"])

    def lfsr(self):
        every = [*self.neur, self.oneur, *self.ltinp, *self.ltrec, *self.ltout]
        every += [self.noise, self.linp, self.lrec, self.lout]
        return [generator.state for generator in every]

    def get(self, field, j):
        return self.raw[field][j] if self.dirty[j >> 1] else 0

    def touch(self, p):
        """A write of all four fields of both neurons of a pair: they are as read."""
        for field, values in self.raw.items():
            for j in (2 * p, 2 * p + 1):
                values[j] = self.get(field, j)
        self.dirty[p] = True

    # section 3
    def step(self):
        g = self.g
        sr = g["EN_STOCH_ROUND"]
        for p in range((self.RO + 1) // 2):
            alpha, thr = self.alpha[p], self.thr[p]
            r_ti = [x.word() for x in self.ltinp] if sr else [0, 0]
            r_tr = [x.word() for x in self.ltrec] if sr else [0, 0]
            r_to = [x.word() for x in self.ltout] if sr else [0, 0]
            leaks = alpha != 0x8000
            r_u = [x.word() for x in self.neur] if sr and leaks else [0, 0]
            self.touch(p)
            for n in (0, 1):
                j = 2 * p + n
                u = self.raw["u"][j]
                spk = u >= thr
                v = u * alpha
                q = s(v >> 15, 16)
                if sr and leaks and (v & 0x7FFF) >= r_u[n] and q != 0:
                    q = s(q + 1, 16)
                if spk:
                    q = 0 if g["RST_MODE"] else s(q - thr, 16)
                self.raw["u"][j] = q
                self.z[j] = int(spk)
                for field, r in (("tinp", r_ti), ("trec", r_tr)):
                    v = self.raw[field][j] * alpha
                    q = (v >> 15) & 0xFFF
                    if sr and leaks and (v & 0x7FFF) >= r[n] and q != 0:
                        q = (q + 1) & 0xFFF
                    self.raw[field][j] = q
                v = self.raw["tout"][j] * g["KAPPA"]
                q = (v >> 7) & 0x3FF
                if sr and g["KAPPA"] != 0x80 and (v & 0x7F) >= r_to[n] and q != 0:
                    q = (q + 1) & 0x3FF
                self.raw["tout"][j] = q
        if self.RO % 2 == 0:
            self.z[self.RO] = self.z[self.RO + 1] = 0
        for c in range(min(15, self.RO) + 1):
            r_o = self.oneur.word() if sr and g["KAPPA"] != 0x80 else None
            if c <= self.O:
                v = self.o[c] * g["KAPPA"]
                q = s(v >> 7, 16)
                if r_o is not None and (v & 0x7F) >= r_o and q != 0:
                    q = s(q + 1, 16)
                self.o[c] = q

    # section 4
    def errors(self, tv, label, target):
        err = [0] * 16
        for k in range(self.O + 1):
            o = self.o[k]
            if self.g["NO_OUT_ACT"]:
                y = o
            else:
                y = 2048 if o > 2047 else 0 if o < -2048 else (o + 2048) >> 1
            yt = int(target[k]) if self.g["REGRESSION"] else 2048 * (k == label)
            err[k] = sat(yt - y, 16) if tv else 0
        return err

    # section 5
    def eprop_runs(self, tv):
        return bool(self.g["DO_EPROP"] and (tv or (self.g["REGUL_MODE"] & 6) == 6))

    def eprop(self, tv, err, latch):
        g, D = self.g, self.g["DO_EPROP"]
        mode, posts = g["REGUL_MODE"], 16 * (self.R >> 4) + 16

        def post_reads(field, j):
            if not tv:
                return latch[field][j & 1]
            return self.get(field, 2 * min(j >> 1, self.NN >> 1) + (j & 1))

        def pre_reads(field, i):
            return self.get(field, i) if tv else latch[field][i & 1]

        L, h, treg = [0] * posts, [0] * posts, [0] * posts
        for group in range((self.R >> 4) + 1):
            mine = range(16 * group, 16 * group + 16)
            for j in mine:
                if (D & 3) and tv and j <= self.R:
                    P = sum(err[k] * int(self.wout[j, k]) for k in range(self.O + 1))
                    L[j] = sat((P << g["LEARN_SIG_SCALE"]) >> 12, 16)
                u = post_reads("u", j)
                h[j] = g["H_4"]
                for k in (3, 2, 1, 0):
                    if u < g[f"THR_H_{k}"]:
                        h[j] = g[f"H_{k}"]
                if mode != 0:
                    over = post_reads("trec", j) >> g["FP_LOC_TREC"]
                    treg[j] = max(0, over - g["REGUL_F0"])
                t = post_reads("tout", j) >> g["FP_LOC_TOUT"]
                if (D & 4) and tv and j <= self.R and t != 0:
                    word = self.lout.word()
                    for k in range(16):
                        rnd = word >> 28 * k & (1 << 28) - 1
                        w = int(self.wout[j, k])
                        r, p = g["LR_R_WOUT"], g["LR_P_WOUT"]
                        self.wout[j, k], _ = upd(28, err[k] * t, w, r, p, rnd)
            if D == 4:
                continue
            for i in range(self.NN + 1):
                for X in (0, 1):
                    self.row(X, i, mine, tv, pre_reads, L, h, treg)
        return L, h, treg

    def row(self, X, i, mine, tv, pre_reads, L, h, treg):
        g, mode = self.g, self.g["REGUL_MODE"]
        kind, limit = (("INP", self.I), ("REC", self.R))[X]
        weights = (self.winp, self.wrec)[X]
        field, stream = (("tinp", self.linp), ("trec", self.lrec))[X]
        RW = g["REGUL_W"] >> X & 1
        t = pre_reads(field, i) >> g[f"FP_LOC_T{kind}"]
        allowed = tv or ((mode & 6) == 6 and RW)
        idle = t == 0 and all(treg[j] == 0 for j in mine)
        if not (g["DO_EPROP"] >> X & 1 and i <= limit and allowed and not idle):
            return
        word = stream.word()
        K_P, K_R = g[f"REGUL_K_{kind}_P"], g[f"REGUL_K_{kind}_R"]
        for n, j in enumerate(mine):
            rnd = word >> 32 * n & 0xFFFFFFFF
            en = bool(tv and h[j] != 0)
            e = L[j] * t * h[j] if en else 0
            assert -(2**31) <= e < 2**31
            reg = ((treg[j] << K_P) % 2**32) >> K_R if mode & 2 and RW else 0
            sc = 16
            if mode & 1 and g["REGUL_W"] != 0:
                m = treg[j] >> g["REGUL_K_MUL"]
                sc = 0 if m >= 16 else 16 - m
            k = e * (16 if e < 0 else sc)
            d = s((k >> 4) - reg, 32)
            prob = -(2**31) if d >= 0 and k >> 31 & 1 else d
            if not (en or (mode != 0 and RW)):
                continue
            r, p = g[f"LR_R_W{kind}"], g[f"LR_P_W{kind}"]
            w, decided = upd(32, prob, int(weights[i, j]), r, p, rnd)
            weights[i, j] = 0 if X == 1 and i == j and decided else w

    # section 6
    def prop(self):
        g, D = self.g, self.g["DO_EPROP"]
        forced, last = g["FORCE_TRACES"], 2 * (self.R >> 1) + 1
        for i in range(self.NN + 1):
            if not (self.z[i] or self.inp[i]):
                continue
            for p in range(last // 2 + 1):
                self.touch(p)
                word = self.noise.word() if g["NOISE_EN"] else 0
                for n in (0, 1):
                    j = 2 * p + n
                    w = 0
                    if self.z[i]:
                        w += int(self.wrec[i, j]) << g["FP_LOC_WREC"]
                    if self.inp[i]:
                        w += int(self.winp[i, j]) << g["FP_LOC_WINP"]
                    w = sat(w, 16)
                    half = word >> 16 if n else word & 0xFFFF
                    nz = s(half, 16) >> g["NOISE_STR"] if g["NOISE_EN"] else 0
                    u = self.raw["u"][j]
                    x = s(u + w + nz, 16)
                    if u >= 0 and w >= 0 and x < 0:
                        x = 32767
                    elif u < 0 and w < 0 and x >= 0:
                        x = -32768
                    self.raw["u"][j] = x
            if self.z[i]:
                for k in range(self.O + 1):
                    w = int(self.wout[i, k]) << g["FP_LOC_WOUT"]
                    self.o[k] = sat(self.o[k] + w, 16)
            raw = self.raw
            if i <= last:
                if self.inp[i] and (D & 1 or forced):
                    raw["tinp"][i] = min(raw["tinp"][i] + (8 << g["FP_LOC_TINP"]), 4095)
                if self.z[i] and (D & 2 or forced):
                    raw["trec"][i] = min(raw["trec"][i] + (8 << g["FP_LOC_TREC"]), 4095)
                if self.z[i] and (D & 4 or forced):
                    raw["tout"][i] = min(raw["tout"][i] + (2 << g["FP_LOC_TOUT"]), 1023)
            if self.inp[i] and i > self.R and (D & 1 or forced):
                p = i >> 1
                if not self.dirty[p]:  # u stays what it was in the sample before
                    for j in (2 * p, 2 * p + 1):
                        raw["tinp"][j] = raw["trec"][j] = raw["tout"][j] = 0
                    self.dirty[p] = True
                raw["tinp"][i] = min(raw["tinp"][i] + (8 << g["FP_LOC_TINP"]), 4095)
            self.z[i] = self.inp[i] = 0

    # sections 2, 8 and 9
    def tick(self, k, T, events, tv, infer, label, target):
        """One tick; what is seen of it, by the names of the dumps."""
        seen = {}
        self.inp = [int(e) for e in events] + [0] * (256 - len(events))
        self.runs = False
        if k > 0:
            pair = self.RO >> 1
            latch = {f: v[2 * pair : 2 * pair + 2] for f, v in self.raw.items()}
            self.step()
            seen |= self.dump("a")
            seen["a_z"] = list(self.z)
            if infer:
                best = max(self.o[: self.O + 1])
                winner = 0 if self.g["REGRESSION"] else self.o.index(best)
                self.cnt[winner] = (self.cnt[winner] + 1) & 0xFFFF
        if 0 < k < T - 1:
            self.runs = self.eprop_runs(tv)
            if self.runs:
                err = self.errors(tv, label, target)
                seen["e_L"], seen["e_h"], seen["e_treg"] = self.eprop(tv, err, latch)
                seen["e_err"] = err
        if k < T - 1:
            self.prop()
        return seen | self.dump("b") | {"b_lfsr": self.lfsr(), "b_cnt": list(self.cnt)}

    def dump(self, when):
        fields = ("u", "tinp", "trec", "tout")
        seen = {f"{when}_{f}": [self.get(f, j) for j in range(256)] for f in fields}
        return seen | {f"{when}_o": list(self.o)}

    def boundary(self):
        pred = self.cnt.index(max(self.cnt[: self.O + 1]))
        self.dirty = [False] * 128
        self.o, self.cnt, self.z = [0] * 16, [0] * 16, [0] * 256
        return pred


def upd(W, prob, w, r, p, rnd):
    """The new weight, and whether a step was decided."""
    if prob == 0:
        return w, False
    a = abs(prob) & (1 << W) - 1
    lp = a << p
    if lp >= 1 << W:
        lp = (1 << W) - 1
    if not (prob == -(1 << (W - 1)) or lp >> r >= rnd):
        return w, False
    stepped = w + (1 if prob > 0 else -1)
    return (stepped if -128 <= stepped <= 127 else w), True
