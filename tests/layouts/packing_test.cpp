#include "layouts/packing.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <random>
#include <set>

#include "layouts/fragments.h"

namespace bitloom::layouts {
namespace {

std::vector<std::uint64_t> random_codes(std::size_t count, int width, unsigned seed = 1) {
  std::mt19937_64 random(seed);
  std::vector<std::uint64_t> codes(count);
  for (auto& code : codes) code = random() & low_mask(width);
  return codes;
}

TEST(BitString, ThreeBitCodesLieLittleEndian) {
  const std::vector<std::uint64_t> codes{5, 1, 7};  // 111 001 101
  EXPECT_EQ(pack_bits(codes, 3), (std::vector<std::uint8_t>{0b11'001'101, 0b1}));
}

TEST(BitString, EveryWidthReadsBack) {
  for (int width = 1; width <= 64; ++width) {
    const auto codes = random_codes(41, width, static_cast<unsigned>(width));
    const auto bytes = pack_bits(codes, width);
    EXPECT_EQ(static_cast<std::int64_t>(bytes.size()), packed_bytes(41, width));
    EXPECT_EQ(unpack_bits(bytes, 41, width), codes) << width;
    for (std::size_t i = 0; i < codes.size(); ++i)  // bit by bit
      for (int bit = 0; bit < width; ++bit) {
        const std::size_t at = i * static_cast<std::size_t>(width) + static_cast<std::size_t>(bit);
        ASSERT_EQ((bytes[at / 8] >> at % 8) & 1u, (codes[i] >> bit) & 1u) << width;
      }
  }
}

RC_GTEST_PROP(BitString, SettingTouchesNoOtherBit, ()) {
  const int width = *rc::gen::inRange(1, 65);
  auto bytes =
      *rc::gen::container<std::vector<std::uint8_t>>(24, rc::gen::arbitrary<std::uint8_t>());
  const auto at = static_cast<std::size_t>(*rc::gen::inRange(0, 24 * 8 - width + 1));
  const auto value = *rc::gen::arbitrary<std::uint64_t>();
  const auto before = bytes;
  set_bits(bytes, at, width, value);
  RC_ASSERT(get_bits(bytes, at, width) == (value & low_mask(width)));
  for (std::size_t i = 0; i < 24 * 8; ++i) {
    if (i < at || i >= at + static_cast<std::size_t>(width)) {
      RC_ASSERT((bytes[i / 8] >> i % 8 & 1) == (before[i / 8] >> i % 8 & 1));
    }
  }
}

Encoding encoding(std::string_view text, int bits) {
  const auto result = Encoding::parse(text, bits);
  EXPECT_TRUE(result) << text << ": " << (result ? "" : result.error().message);
  return result.value_or(Encoding());
}

TEST(Encoding, AllAreBijectionsThatReadBack) {
  for (int bits = 1; bits <= 64; ++bits) {
    for (const Encoding& each : Encoding::all(bits)) {
      SCOPED_TRACE(each.to_string());
      EXPECT_EQ(each.bits(), bits);
      EXPECT_EQ(each.elements() * bits, each.words() * 32);
      EXPECT_TRUE(each.is_bijective());
      EXPECT_EQ(encoding(each.to_string(), bits), each);
      for (const Encoding& stored : {each, each.with_xor(low_mask(bits) / 3)}) {
        const auto codes = random_codes(static_cast<std::size_t>(each.elements()) * 3, bits);
        std::vector<std::uint32_t> words(static_cast<std::size_t>(each.words()) * 3);
        std::vector<std::uint64_t> back(codes.size());
        stored.pack(codes, words);
        stored.unpack(words, back);
        EXPECT_EQ(back, codes);
        if (bits <= 8) {
          const std::vector<std::uint8_t> narrow(codes.begin(), codes.end());
          std::vector<std::uint8_t> narrow_back(narrow.size());
          std::vector<std::uint32_t> same(words.size());
          stored.pack(narrow, same);
          stored.unpack(same, narrow_back);
          EXPECT_EQ(same, words);
          EXPECT_EQ(narrow_back, narrow);
        }
        for (std::size_t i = 0; i < codes.size(); ++i) {  // the definition, bit by bit
          const auto run = i / static_cast<std::size_t>(each.elements()) *
                           static_cast<std::size_t>(each.words());
          const int element = static_cast<int>(i % static_cast<std::size_t>(each.elements()));
          for (int bit = 0; bit < bits; ++bit) {
            const int place = each.place(element, bit);
            ASSERT_EQ(each.element_and_bit(place), std::pair(element, bit));
            ASSERT_EQ(words[run + static_cast<std::size_t>(place / 32)] >> place % 32 & 1,
                      (codes[i] ^ stored.xor_constant()) >> bit & 1);
          }
        }
        stored.set(words, 1, 0);
        EXPECT_EQ(stored.get(words, 1), 0u);
        EXPECT_EQ(stored.get(words, 0), codes[0]);
      }
    }
  }
}

TEST(Encoding, DenseIsABitString) {
  for (const int bits : {1, 3, 5, 8, 12, 16, 33, 64}) {
    const auto dense = Encoding::dense(bits);
    EXPECT_TRUE(dense.is_dense());
    const auto codes = random_codes(static_cast<std::size_t>(dense.elements()), bits);
    std::vector<std::uint32_t> words(static_cast<std::size_t>(dense.words()));
    dense.pack(codes, words);
    const auto bytes = pack_bits(codes, bits);
    for (std::size_t i = 0; i < bytes.size(); ++i)
      EXPECT_EQ(words[i / 4] >> 8 * (i % 4) & 0xff, bytes[i]);
  }
  EXPECT_EQ(Encoding::dense(4), encoding("linear", 4));
  EXPECT_FALSE(encoding("pairs", 4).is_dense());
  EXPECT_FALSE(encoding("dense ^ 8", 4).is_dense());
}

TEST(Encoding, OneMaskYieldsAPairOfHalves) {
  const auto pairs = encoding("pairs", 4);
  EXPECT_EQ(pairs, encoding("order(0, 2, 4, 6, 1, 3, 5, 7)", 4));
  std::vector<std::uint32_t> words(1);
  pairs.pack(std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 6, 7}, words);
  EXPECT_EQ(words[0], 0x75316420u);
  for (std::uint32_t i = 0; i < 4; ++i)
    EXPECT_EQ(words[0] >> 4 * i & 0x000f000f, (2 * i + 1) << 16 | 2 * i);
  const auto quads = encoding("quads", 4);
  EXPECT_EQ(quads, encoding("order(0,4,1,5,2,6,3,7)", 4));
  quads.pack(std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 6, 7}, words);
  EXPECT_EQ(words[0] & 0x0f0f0f0f, 0x03020100u);
  EXPECT_EQ(words[0] >> 4 & 0x0f0f0f0f, 0x07060504u);
}

TEST(Encoding, SpareBitsHoldTheWordsLeftOut) {
  const auto spare = encoding("spare.linear", 3);
  const auto codes = random_codes(32, 3);
  std::vector<std::uint32_t> w(3);
  spare.pack(codes, w);
  const std::uint32_t fourth =
      (w[0] >> 3 & 0x11111111) | (w[1] >> 2 & 0x22222222) | (w[2] >> 1 & 0x44444444);
  for (std::size_t i = 0; i < 32; ++i) {
    const std::uint32_t word = i < 24 ? w[i / 8] : fourth;
    EXPECT_EQ(word >> 4 * (i % 8) & 7, codes[i]) << i;
  }
  // Codes 0..19 of five bits lie in the lanes of five words; 15 spare bits a lane position hold
  // three more words.
  const auto five = encoding("spare.pairs", 5);
  EXPECT_EQ(five.pieces(0).size(), 1u);
  EXPECT_EQ(five.pieces(1)[0], (Encoding::Piece{0, 5, 0, 16}));
  EXPECT_EQ(five.pieces(20)[0], (Encoding::Piece{0, 3, 0, 5}));
  EXPECT_EQ(five.pieces(20)[1], (Encoding::Piece{3, 2, 1, 5}));
}

TEST(Encoding, PlanesPackEachPartByItself) {
  const auto planes = encoding("planes(2, 1).linear", 3);
  const auto codes = random_codes(32, 3);
  std::vector<std::uint32_t> w(3);
  planes.pack(codes, w);
  for (std::uint32_t i = 0; i < 32; ++i)
    EXPECT_EQ((w[i / 16] >> 2 * (i % 16) & 3) | (w[2] >> i & 1) << 2, codes[i]);
}

TEST(Encoding, ShorterRunsOfTheSamePatternAreEqual) {
  EXPECT_EQ(encoding("planes(4).pairs", 4), encoding("pairs", 4));
  EXPECT_FALSE(encoding("planes(4).pairs", 4) == encoding("quads", 4));
  EXPECT_FALSE(encoding("pairs", 4) == encoding("pairs", 8));
  EXPECT_FALSE(encoding("pairs ^ 8", 4) == encoding("pairs", 4));
  EXPECT_EQ(Encoding::preferred(3).to_string(), "spare.pairs");
  EXPECT_EQ(Encoding::preferred(4).to_string(), "pairs");
  EXPECT_EQ(Encoding::preferred(64).to_string(), "dense");
}

TEST(Encoding, WhatIsNoEncodingSaysWhy) {
  const auto error = [](std::string_view text, int bits) {
    const auto result = Encoding::parse(text, bits);
    return result ? "none" : result.error().message;
  };
  EXPECT_EQ(error("pairs", 3), "fields of 3 bits do not fill a word; use dense, spare or planes");
  EXPECT_EQ(
      error("spare", 4),
      "codes of 4 bits leave no spare bits that others would fill; spare is for 3, 5, 6 and 7");
  EXPECT_EQ(error("planes(3, 1)", 4), "planes(3, 1): a plane has 1, 2 or 4 bits");
  EXPECT_EQ(error("planes(2, 1)", 4), "planes(2, 1).pairs holds 3 bits, not 4");
  EXPECT_EQ(error("order(0, 1, 1, 3)", 8),
            "order(0, 1, 1, 3) does not name each of the 4 elements of a word once");
  EXPECT_EQ(error("pairs ^ 16", 4), "the constant 16 has more than 4 bits");
  EXPECT_EQ(error("dense", 65), "an element has 1 to 64 bits, not 65");
  for (const char* text : {"", "pear", "pairs ^", "planes(2, 1", "planes(a)", "planes(1)x",
                           "spare(1)", "order(1).pairs", "dense.pairs", "planes"})
    EXPECT_NE(error(text, 4), "none") << text;
}

TEST(PackedAtom, AWarpReadsSixteenBytesALane) {
  const PackedAtom atom(encoding("pairs", 4));
  EXPECT_EQ(atom.rows(), 64);
  EXPECT_EQ(atom.columns(), 64);
  EXPECT_EQ(atom.bytes(), 2048);
  EXPECT_EQ(atom.words_per_lane(), 16);
  EXPECT_EQ(atom.tag(), "64x64/mma/b4/pairs");
  const PackedTensorLayout tensor(atom, 128, 192);
  EXPECT_EQ(tensor.bytes(), 2 * 3 * 2048);
  // Written from the definition: n16 group j, k16 step s, register of the PTX fragment, nibble
  // order.
  constexpr int nibble[] = {0, 4, 1, 5, 2, 6, 3, 7};
  for (int n = 0; n < 128; ++n) {
    for (int k = 0; k < 192; ++k) {
      const int lane = n % 8 * 4 + k % 8 / 2;
      const int j = n % 64 / 16, s = k % 64 / 16;
      const int reg = k % 2 + 2 * (n / 8 % 2) + 4 * (k / 8 % 2);
      const int word = j * 4 + s;
      const std::int64_t byte =
          (n / 64 * 3 + k / 64) * 2048 + word / 4 * 512 + lane * 16 + word % 4 * 4;
      ASSERT_EQ(tensor.bit_address(n, k), byte * 8 + 4 * nibble[reg]) << n << ", " << k;
    }
  }
}

TEST(PackedAtom, PacksAndUnpacksEveryEncodingWithPadding) {
  for (int bits = 1; bits <= 8; ++bits) {
    for (const Encoding& each : Encoding::all(bits)) {
      const PackedAtom atom(each.with_xor(std::uint64_t{1} << (bits - 1)));
      SCOPED_TRACE(atom.tag());
      EXPECT_EQ(PackedAtom::from_tag(atom.tag()), atom);
      EXPECT_EQ(atom.bytes(), 512 * bits);
      const std::int64_t n = 70, k = 100;
      const PackedTensorLayout tensor(atom, n, k);
      EXPECT_EQ(tensor.bytes(), 4 * 512 * bits);
      std::vector<std::uint8_t> codes;
      for (const std::uint64_t code : random_codes(static_cast<std::size_t>(n * k), bits))
        codes.push_back(static_cast<std::uint8_t>(code));
      const auto packed = tensor.pack(codes);
      EXPECT_EQ(tensor.unpack(packed), codes);
      // Every bit where bit_address says, every place used once, padding as code 0.
      std::vector<bool> used(packed.size() * 8, false);
      for (std::int64_t row = 0; row < 128; ++row) {
        for (std::int64_t column = 0; column < 128; ++column) {
          const std::uint64_t code = row < n && column < k ? codes[row * k + column] : 0u;
          for (int bit = 0; bit < bits; ++bit) {
            const auto at = static_cast<std::size_t>(tensor.bit_address(row, column, bit));
            ASSERT_FALSE(used[at]);
            used[at] = true;
            ASSERT_EQ(packed[at / 8] >> at % 8 & 1u,
                      (code ^ atom.encoding().xor_constant()) >> bit & 1u);
          }
        }
      }
    }
  }
}

TEST(PackedAtom, AnyLayoutOf32LanesWillDo) {
  const auto lanes = local(2, 2) * mma_b(32, 8).permute({1, 0}).value();
  const auto atom = PackedAtom::make(lanes, encoding("quads", 4));
  ASSERT_TRUE(atom) << atom.error().message;
  EXPECT_EQ(atom->rows(), 16);
  EXPECT_EQ(atom->columns(), 64);
  EXPECT_EQ(PackedAtom::from_tag(atom->tag()), *atom);
  std::vector<std::uint8_t> codes(20 * 70);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(i * 7 % 16);
  const PackedTensorLayout tensor(*atom, 20, 70);
  EXPECT_EQ(tensor.unpack(tensor.pack(codes)), codes);
}

TEST(PackedAtom, WhatIsNoAtomIsNamed) {
  const auto error = [](std::string_view layout, std::string_view code, int bits) {
    const auto atom = PackedAtom::make(parse_register_layout(layout).value(), encoding(code, bits));
    return atom ? "none" : atom.error().message;
  };
  EXPECT_EQ(error("spatial(8, 4)", "pairs", 4),
            "1 codes a lane are not whole runs of 8 of the encoding pairs");
  EXPECT_EQ(error("mma.a.m16n8k16", "pairs", 4),
            "8 codes of 4 bits a lane are not whole 16-byte words");
  EXPECT_EQ(error("spatial(8, 8) * local(1, 8)", "pairs", 4),
            "an atom is held by 32 lanes over [n, k] without replication, not as spatial(8, 8) * "
            "local(1, 8)");
  EXPECT_EQ(error("spatial(8, 4) * local(8, 8)", "pairs", 16),
            "packed codes have 1 to 8 bits, not 16");
  EXPECT_EQ(PackedAtom::from_tag("64x64/mma").error().message,
            "'64x64/mma' is no tag of a packed tensor such as 64x64/mma/b4/pairs");
  EXPECT_FALSE(PackedAtom::from_tag("32x64/mma/b4/pairs"));
  EXPECT_FALSE(PackedAtom::from_tag("64x64/mma/b3/pairs"));
  EXPECT_FALSE(PackedAtom::from_tag("64x64/nope/b4/pairs"));
}

}  // namespace
}  // namespace bitloom::layouts
