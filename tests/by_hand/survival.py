"""Right-censored data of a few rows, and what follows from them with pencil and paper.

SIX: times 1 2 2 3 4 5, the second 2 and the 4 censored.

    time  at risk  events  S(t)               Greenwood sum
    1     6        1       5/6                1/(6*5)                        = 1/30
    2     5        1       5/6 * 4/5 = 2/3    1/30 + 1/(5*4)  = 1/30 + 1/20  = 1/12
    3     3        1       2/3 * 2/3 = 4/9    1/12 + 1/(3*2)  = 1/12 + 1/6   = 1/4
    4     2        0       4/9
    5     1        1       0

LATE: the same rows, of which the last three enter at 1, 2 and 2, open on the left.

    time  at risk                          events  S(t)
    1     3 (rows 1-3)                     1       2/3
    2     3 (rows 2-4; entry 2 is late)    1       2/3 * 2/3 = 4/9
    3     3 (rows 4-6)                     1       4/9 * 2/3 = 8/27

WEIGHTED: times 1 2 3, all events, weights 2 1 1. S = 1/2 after 1; its derivative is 1/8 for each of the
weights, and S(1) = (w2 + w3) / (w1 + w2 + w3):
    dS/dw1 = -(1/2)/4 = -1/8, dS/dw2 = dS/dw3 = 1/4 - 1/8 = 1/8,
    variance = (2 * 1/8)^2 + (1/8)^2 + (1/8)^2 = 6/64.

GROUPS: times 1 2 3 4, all events, groups a a b b (log-rank).

    time  at risk a, all  expected in a  variance
    1     2, 4            1/2            1/2 * 1/2 = 1/4
    2     1, 3            1/3            1/3 * 2/3 = 2/9
    3, 4  0               0              0
    observed in a 2, expected 5/6, variance 17/36, statistic (7/6)^2 / (17/36) = 49/17.
"""

from fractions import Fraction

TIME = [1.0, 2.0, 2.0, 3.0, 4.0, 5.0]
EVENT = [1, 1, 0, 1, 0, 1]
ENTRY = [0.0, 0.0, 0.0, 1.0, 2.0, 2.0]

SIX_TIME = [1.0, 2.0, 3.0, 4.0, 5.0]
SIX_AT_RISK = [6, 5, 3, 2, 1]
SIX_EVENTS = [1, 1, 1, 0, 1]
SIX_CENSORED = [0, 1, 0, 1, 0]
SIX_SURVIVAL = [Fraction(5, 6), Fraction(2, 3), Fraction(4, 9), Fraction(4, 9), Fraction(0)]
SIX_GREENWOOD = [Fraction(1, 30), Fraction(1, 12), Fraction(1, 4), Fraction(1, 4)]

LATE_AT_RISK = [3, 3, 3, 2, 1]
LATE_SURVIVAL = [Fraction(2, 3), Fraction(4, 9), Fraction(8, 27), Fraction(8, 27), Fraction(0)]

WEIGHTED_TIME, WEIGHTED_WEIGHTS = [1.0, 2.0, 3.0], [2.0, 1.0, 1.0]
WEIGHTED_SURVIVAL, WEIGHTED_VARIANCE = Fraction(1, 2), Fraction(6, 64)

GROUPS_TIME, GROUPS_GROUP = [1.0, 2.0, 3.0, 4.0], ["a", "a", "b", "b"]
GROUPS_EXPECTED, GROUPS_VARIANCE, GROUPS_STATISTIC = Fraction(5, 6), Fraction(17, 36), Fraction(49, 17)
