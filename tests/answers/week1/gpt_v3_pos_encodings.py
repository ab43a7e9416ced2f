"""What goes into GPTVer3.pos_encodings."""

import math

import numpy as np
import torch
from torch import nn

from tests.answers import right, wrong

CLASS = "GPTVer3"
DIFFER = "pos_encodings_differ_for_every_position"
DISTANCES = "pos_encodings_keep_equal_distances_equal"
VASWANI = "pos_encodings_are_those_of_vaswani"
TRAINS = "gpt_v3_trains_and_generates"


@wrong("sine and cosine swapped", VASWANI, "sine and cosine are swapped")
def swapped(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    encodings = torch.zeros(block_size, embed_size)
    encodings[:, 0::2] = torch.cos(angles)
    encodings[:, 1::2] = torch.sin(angles)
    return encodings


@wrong("sines left, cosines right", VASWANI, "all sines stand left and all cosines right")
def blocked(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.cat((torch.sin(angles), torch.cos(angles)), dim=1)


@wrong("base 100", VASWANI, "Or base 100 was taken in place of 10000")
def base_100(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 100 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


@wrong("base 1000", VASWANI, "base 1000 was taken in place of 10000")
def base_1000(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 1000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


@wrong("sines everywhere", VASWANI, "columns 1, 3, 5 are sines; the odd columns should be cosines")
def only_sines(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.sin()), -1).flatten(1)


@wrong("a frequency for each column", VASWANI, "each column has a frequency of its own")
def frequency_per_column(block_size, embed_size):
    encodings = torch.zeros(block_size, embed_size)
    for position in range(block_size):
        for column in range(embed_size):
            angle = position / 10000 ** (column / embed_size)
            encodings[position, column] = math.sin(angle) if column % 2 == 0 else math.cos(angle)
    return encodings


@wrong("i instead of 2i", VASWANI, "the exponent is i/C; it should be 2i/C")
def half_the_exponent(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(embed_size // 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


@wrong("2 times 2i", VASWANI, "the exponent is 4i/C")
def twice_the_exponent(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (2 * torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


@wrong("divides the exponent by block_size", VASWANI, "divide by embed_size")
def exponent_over_block_size(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / block_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


@wrong("multiplies instead of dividing", VASWANI, "is multiplied by 10000^(2i/C); divide")
def multiplied(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] * 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


@wrong("counts positions from 1", VASWANI, "positions start at 1")
def from_one(block_size, embed_size):
    positions = torch.arange(1, block_size + 1)[:, None]
    angles = positions / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


@wrong("positions over the length", VASWANI, "was divided by block_size first")
def over_the_length(block_size, embed_size):
    positions = torch.arange(block_size)[:, None] / block_size
    angles = positions / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


@wrong("whole-number division in the exponent", VASWANI, "every pair of columns has the same frequency")
def integer_exponent(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) // embed_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


@wrong("the angles themselves", VASWANI, "these are the angles")
def angles_only(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return angles.repeat_interleave(2, dim=1)


@wrong("cosines forgotten", VASWANI, "the cosine columns were left at 0")
def cosines_forgotten(block_size, embed_size):
    encodings = torch.zeros(block_size, embed_size)
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    encodings[:, 0::2] = torch.sin(angles)
    return encodings


@wrong("columns as positions", VASWANI, "turned by 90 degrees")
def transposed(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1).T


@wrong("a batch dimension in front", VASWANI, "no batch in it")
def with_batch(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)[None]


@wrong("half precision", VASWANI, "is torch.float16, expected torch.float32")
def half(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1).half()


@wrong("divides by the embed_size of the example", VASWANI, "divided by 8, and fits embed_size = 8 only")
def fitted_to_the_example(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / 8)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


@wrong("the same code everywhere", DIFFER, "have the same code")
def zeros(block_size, embed_size):
    return torch.zeros(block_size, embed_size)


@wrong("a single sine that repeats", DIFFER, "have the same code")
def single_sine(block_size, embed_size):
    wave = torch.sin(2 * torch.pi * torch.arange(block_size) / 4)
    return wave[:, None].expand(block_size, embed_size)


@wrong("random codes", DISTANCES, "codes are")
def random_codes(block_size, embed_size):
    return torch.randn(block_size, embed_size)


@wrong(
    "sines of different frequencies without cosines",
    DISTANCES,
    "A second mistake: each column has a frequency of its own",
)
def sines_of_many_frequencies(block_size, embed_size):
    return torch.sin(torch.arange(block_size)[:, None] / 10000 ** (torch.arange(embed_size) / embed_size))


@wrong("the index", VASWANI, "the index itself is no sine")
def index(block_size, embed_size):
    return torch.arange(block_size).float()[:, None].expand(block_size, embed_size)


@wrong("the index over the length", VASWANI, "the index over the length is no sine")
def index_over_length(block_size, embed_size):
    return (torch.arange(block_size) / block_size)[:, None].expand(block_size, embed_size)


@wrong("a numpy array", VASWANI, "is a ndarray, not a tensor")
def numpy_array(block_size, embed_size):
    angles = np.arange(block_size)[:, None] / 10000 ** (np.arange(0, embed_size, 2) / embed_size)
    return np.stack((np.sin(angles), np.cos(angles)), -1).reshape(block_size, embed_size)


@wrong("no return", VASWANI, "is None, not a tensor")
def no_return(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


@wrong("float64, which the layers after it don't take", VASWANI, "is torch.float64, expected torch.float32")
def float64(block_size, embed_size):
    positions = torch.arange(block_size, dtype=torch.float64)[:, None]
    angles = positions / 10000 ** (torch.arange(0, embed_size, 2, dtype=torch.float64) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


@wrong("the cosines with a minus", VASWANI, "the cosines are negative")
def negative_cosines(block_size, embed_size):
    positions = torch.arange(block_size)[:, None]
    divisors = 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    angles = positions / divisors
    encodings = torch.zeros(block_size, embed_size)
    encodings[:, 0::2] = torch.sin(angles)
    encodings[:, 1::2] = -torch.cos(angles)
    return encodings


@wrong("some other base", VASWANI, "base 12345 was taken in place of 10000")
def base_12345(block_size, embed_size):
    positions = torch.arange(block_size)[:, None]
    divisors = 12345 ** (torch.arange(0, embed_size, 2) / embed_size)
    angles = positions / divisors
    encodings = torch.zeros(block_size, embed_size)
    encodings[:, 0::2] = torch.sin(angles)
    encodings[:, 1::2] = torch.cos(angles)
    return encodings


@wrong("sine and cosine by row", VASWANI, "row by row")
def turns_by_row(block_size, embed_size):
    positions = torch.arange(block_size)[:, None]
    divisors = 10000 ** (torch.arange(0, embed_size) // 2 * 2 / embed_size)
    angles = positions / divisors
    angles[0::2] = angles[0::2].sin()
    angles[1::2] = angles[1::2].cos()
    return angles


@wrong("exponents from 0 to 1", VASWANI, "in equal steps")
def exponents_to_1(block_size, embed_size):
    positions = torch.arange(block_size)[:, None]
    divisors = 10000 ** torch.linspace(0, 1, embed_size // 2)
    angles = positions / divisors
    encodings = torch.zeros(block_size, embed_size)
    encodings[:, 0::2] = torch.sin(angles)
    encodings[:, 1::2] = torch.cos(angles)
    return encodings


@wrong("position and column changed places", VASWANI, "position and column have changed places")
def formula_transposed(block_size, embed_size):
    out = torch.zeros(block_size, embed_size)
    for pos in range(block_size):
        for i in range(embed_size // 2):
            out[pos, 2 * i] = math.sin(i / 10000 ** (2 * pos / embed_size))
            out[pos, 2 * i + 1] = math.cos(i / 10000 ** (2 * pos / embed_size))
    return out


@wrong("cosines with an exponent of their own", VASWANI, "the exponent of column j is 2j/C")
def cosines_of_their_own(block_size, embed_size):
    out = torch.zeros(block_size, embed_size)
    for pos in range(block_size):
        for i in range(0, embed_size, 2):
            out[pos, i] = math.sin(pos / 10000 ** (2 * i / embed_size))
            out[pos, i + 1] = math.cos(pos / 10000 ** (2 * (i + 1) / embed_size))
    return out


@wrong("all cosines left", VASWANI, "all cosines stand left")
def cosines_left(block_size, embed_size):
    positions = torch.arange(block_size)[:, None]
    divisors = 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    angles = positions / divisors
    return torch.cat([angles.cos(), angles.sin()], 1)


@wrong("angles in full turns", VASWANI, "a factor of 2 pi")
def full_turns(block_size, embed_size):
    positions = torch.arange(block_size)[:, None]
    divisors = 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    angles = 2 * math.pi * positions / divisors
    encodings = torch.zeros(block_size, embed_size)
    encodings[:, 0::2] = torch.sin(angles)
    encodings[:, 1::2] = torch.cos(angles)
    return encodings


@wrong("rows of length 1", VASWANI, "the rows were scaled to length 1")
def unit_length(block_size, embed_size):
    positions = torch.arange(block_size)[:, None]
    divisors = 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    angles = positions / divisors
    encodings = torch.zeros(block_size, embed_size)
    encodings[:, 0::2] = torch.sin(angles)
    encodings[:, 1::2] = torch.cos(angles)
    return encodings / encodings.norm(dim=1, keepdim=True)


@wrong("fills two columns", VASWANI, "only the first two columns")
def first_pair_only(block_size, embed_size):
    out = torch.zeros(block_size, embed_size)
    out[:, 0] = torch.arange(block_size).sin()
    out[:, 1] = torch.arange(block_size).cos()
    return out


@wrong("two decimals", VASWANI, "The first difference is at")
def rounded(block_size, embed_size):
    positions = torch.arange(block_size)[:, None]
    divisors = 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    angles = positions / divisors
    encodings = torch.zeros(block_size, embed_size)
    encodings[:, 0::2] = torch.sin(angles)
    encodings[:, 1::2] = torch.cos(angles)
    return encodings.round(decimals=2)


@wrong("fits 32 positions only", DISTANCES, "must match the existing size (32)")
def rows_fixed(block_size, embed_size):
    positions = torch.arange(32)[:, None]
    divisors = 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    angles = positions / divisors
    encodings = torch.zeros(block_size, embed_size)
    encodings[:, 0::2] = torch.sin(angles)
    encodings[:, 1::2] = torch.cos(angles)
    return encodings


@wrong("one turn for the whole block", VASWANI, "No column is right")
def one_hand(block_size, embed_size):
    a = 2 * torch.pi * torch.arange(block_size)[:, None] / block_size
    return torch.cat([a.sin(), a.cos()], 1).repeat(1, embed_size // 2)


@wrong("an nn.Embedding", VASWANI, "drawn at random, or learned")
def learned(block_size, embed_size):
    return nn.Embedding(block_size, embed_size)(torch.arange(block_size))


@wrong("a static method has no self", DIFFER, "name 'self' is not defined")
def uses_self(block_size, embed_size):
    positions = torch.arange(self.block_size)  # noqa: F821
    return positions


@wrong("halves, and another base", VASWANI, "A second mistake: base 500")
def halves_and_base(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 500 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.cat((angles.sin(), angles.cos()), 1)


@wrong("no logarithm", VASWANI, "the logarithm of 10000 is missing")
def no_logarithm(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] * torch.exp(-torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), 2).flatten(1)


@wrong("the exponent isn't divided", VASWANI, "the exponent isn't divided by C")
def exponent_not_divided(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000.0 ** torch.arange(0, embed_size, 2)
    return torch.stack((angles.sin(), angles.cos()), 2).flatten(1)


@wrong("a row where a column is needed", DIFFER, "make the first a column")
def no_column(block_size, embed_size):
    angles = torch.arange(block_size) / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), 1)


@wrong("math for a tensor", DIFFER, "torch.sin takes a whole tensor")
def math_for_a_tensor(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    table = torch.zeros(block_size, embed_size)
    table[:, 0::2] = math.sin(angles)
    return table


@wrong("no brackets around the exponent", DIFFER, "brackets are missing")
def no_brackets(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000**2 * torch.arange(embed_size // 2) / embed_size
    return torch.stack((angles.sin(), angles.cos()), 2).flatten(1)


@right("exponential of a logarithm, as in many tutorials")
def by_logarithm(block_size, embed_size):
    position = torch.arange(block_size).unsqueeze(1)
    div_term = torch.exp(torch.arange(0, embed_size, 2) * (-math.log(10000.0) / embed_size))
    pe = torch.zeros(block_size, embed_size)
    pe[:, 0::2] = torch.sin(position * div_term)
    pe[:, 1::2] = torch.cos(position * div_term)
    return pe


@right("two loops")
def loops(block_size, embed_size):
    encodings = torch.zeros(block_size, embed_size)
    for pos in range(block_size):
        for i in range(embed_size // 2):
            angle = pos / 10000 ** (2 * i / embed_size)
            encodings[pos, 2 * i] = math.sin(angle)
            encodings[pos, 2 * i + 1] = math.cos(angle)
    return encodings


@right("numpy on the way")
def through_numpy(block_size, embed_size):
    columns = np.arange(embed_size)
    angles = np.arange(block_size)[:, None] / np.power(10000, 2 * (columns // 2) / embed_size)
    angles[:, 0::2] = np.sin(angles[:, 0::2])
    angles[:, 1::2] = np.cos(angles[:, 1::2])
    return torch.tensor(angles, dtype=torch.float32)


@right("stacked pairs")
def stacked(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).view(block_size, embed_size)


@right("cosine as a shifted sine")
def shifted_sine(block_size, embed_size):
    columns = torch.arange(embed_size)
    angles = torch.outer(torch.arange(block_size).float(), 10000.0 ** (-2 * (columns // 2) / embed_size))
    return torch.sin(angles + (columns % 2) * torch.pi / 2)


@right("a list of lists")
def list_of_lists(block_size, embed_size):
    return torch.tensor([
        [
            (math.cos if j % 2 else math.sin)(pos / 10000 ** ((j - j % 2) / embed_size))
            for j in range(embed_size)
        ]
        for pos in range(block_size)
    ])  # fmt: skip


@right("complex numbers")
def polar(block_size, embed_size):
    a = torch.outer(torch.arange(block_size).float(), 10000 ** -(torch.arange(0, embed_size, 2) / embed_size))
    z = torch.polar(torch.ones_like(a), a)
    return torch.view_as_real(z).flip(-1).flatten(1)


@right("torch.outer")
def outer(block_size, embed_size):
    a = torch.outer(torch.arange(block_size).float(), 1 / 10000 ** (torch.arange(0, embed_size, 2) / embed_size))
    return torch.stack((a.sin(), a.cos()), 2).flatten(1)


@right("torch.where over the columns")
def where(block_size, embed_size):
    j = torch.arange(embed_size)
    a = torch.arange(block_size)[:, None] / 10000 ** ((j // 2 * 2) / embed_size)
    return torch.where(j % 2 == 0, a.sin(), a.cos())


@right("meshgrid and masks")
def meshgrid(block_size, embed_size):
    p, i = torch.meshgrid(torch.arange(block_size), torch.arange(embed_size), indexing="ij")
    a = p / 10000 ** ((i // 2 * 2) / embed_size)
    return a.sin() * (i % 2 == 0) + a.cos() * (i % 2 == 1)


@right("repeat_interleave, in place in its own tensor")
def repeated(block_size, embed_size):
    d = (10000 ** (torch.arange(0, embed_size, 2) / embed_size)).repeat_interleave(2)
    a = torch.arange(block_size).unsqueeze(-1) / d
    a[:, 0::2].sin_()
    a[:, 1::2].cos_()
    return a


@right("an nn.Parameter")
def parameter(block_size, embed_size):
    positions = torch.arange(block_size)[:, None]
    divisors = 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    angles = positions / divisors
    encodings = torch.zeros(block_size, embed_size)
    encodings[:, 0::2] = torch.sin(angles)
    encodings[:, 1::2] = torch.cos(angles)
    return nn.Parameter(encodings)


@wrong("no brackets around the exponent, and nothing is 0", VASWANI, "Put it in brackets: 10000 ** (2 * i / C)")
def exponent_without_brackets(block_size, embed_size):
    i = torch.arange(0, embed_size // 2)
    angles = torch.arange(block_size)[:, None] / (10000**2 * i / embed_size + 1)
    return torch.stack((angles.sin(), angles.cos()), 2).flatten(1)


@wrong("no brackets around the exponent, in a product below", DIFFER, "brackets are missing: 10000 ** 2 is taken first")
def divisor_without_brackets(block_size, embed_size):
    i = torch.arange(0, embed_size // 2)
    angles = torch.arange(block_size)[:, None] / (10000**2 * i / embed_size)
    return torch.stack((angles.sin(), angles.cos()), 2).flatten(1)


@wrong("a sine shifted by 90", VASWANI, "the odd columns are sines shifted by 90")
def sine_shifted_by_90(block_size, embed_size):
    i = torch.arange(embed_size)
    angles = torch.arange(block_size)[:, None] / 10000 ** (i // 2 * 2 / embed_size)
    return torch.sin(angles + i % 2 * 90)


@wrong("a cosine shifted by 90", DISTANCES, "the even columns are cosines shifted by 90")
def cosine_shifted_by_90(block_size, embed_size):
    i = torch.arange(embed_size)
    angles = torch.arange(block_size)[:, None] / 10000 ** (i // 2 * 2 / embed_size)
    return torch.cos(angles - (1 - i % 2) * 90)


@wrong("divides the sine", VASWANI, "are taken of the position alone, and divided after it")
def divides_the_sine(block_size, embed_size):
    places = torch.arange(block_size)[:, None]
    divisors = 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((places.sin() / divisors, places.cos() / divisors), -1).flatten(1)


@wrong("stretches the positions", VASWANI, "the positions run to block_size in equal steps")
def stretched(block_size, embed_size):
    places = torch.linspace(0, block_size, block_size)[:, None]
    angles = places / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


@wrong("half of the exponent, and base 1000", VASWANI, "A second mistake: base 1000 was taken in place of 10000")
def half_the_exponent_of_1000(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 1000 ** (torch.arange(embed_size // 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


@wrong("whole angles", DISTANCES, "the angles were cut to whole numbers, by //")
def whole_angles(block_size, embed_size):
    table = torch.zeros(block_size, embed_size)
    for place in range(block_size):
        for column in range(0, embed_size, 2):
            angle = place // 10000 ** (column / embed_size)
            table[place, column], table[place, column + 1] = math.sin(angle), math.cos(angle)
    return table


@wrong(
    "the power of a tensor before the division", DISTANCES, "takes the power first, and divides it. Write 10000 ** ("
)
def power_of_a_tensor_first(block_size, embed_size):
    divisors = 10000 ** torch.arange(0, embed_size, 2) / embed_size
    angles = torch.arange(block_size)[:, None] / divisors
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)


@wrong("the power, a product, then the division", DIFFER, "Write 10000 ** (2 * i / embed_size)")
def power_then_product(block_size, embed_size):
    table, places = torch.zeros(block_size, embed_size), torch.arange(block_size)
    for i in range(embed_size // 2):
        angles = places / (10000**2 * i / embed_size + 1e-9)
        table[:, 2 * i], table[:, 2 * i + 1] = angles.sin(), angles.cos()
    return table


@wrong("rounds to two decimals", DISTANCES, "the values were rounded, to 2 decimals")
def rounds_the_table(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos()), -1).flatten(1).round(decimals=2)


@wrong("takes the cosine of the sines", DISTANCES, "the cosine is taken of the sines beside it")
def cosine_of_the_sine(block_size, embed_size):
    table = torch.zeros(block_size, embed_size)
    table[:, 0::2] = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    table[:, 0::2] = torch.sin(table[:, 0::2])
    table[:, 1::2] = torch.cos(table[:, 0::2])
    return table


@wrong("writes into a table of whole numbers", DIFFER, "sines and cosines are cut to whole numbers")
def table_of_whole_numbers(block_size, embed_size):
    table = torch.arange(block_size)[:, None].repeat(1, embed_size)
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    table[:, 0::2], table[:, 1::2] = angles.sin(), angles.cos()
    return table


@wrong("lays sines and cosines one after the other", DISTANCES, "each row holds the sines of two positions")
def stacked_in_front(block_size, embed_size):
    angles = torch.arange(block_size)[:, None] / 10000 ** (torch.arange(0, embed_size, 2) / embed_size)
    return torch.stack((angles.sin(), angles.cos())).reshape(block_size, embed_size)


@wrong("reshapes where it should transpose", DISTANCES, "columns became rows by a reshape")
def columns_reshaped(block_size, embed_size):
    angles = torch.arange(0.0, block_size) / 10000 ** (torch.arange(0, embed_size, 2)[:, None] / embed_size)
    return torch.stack((angles.sin(), angles.cos()), 1).reshape(block_size, embed_size)
