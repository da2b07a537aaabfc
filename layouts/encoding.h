// An encoding says where the bits of packed elements lie within a run of 32-bit words.
//
// A run of W words holds W * 32 / bits elements, and every bit of the run is one bit of one
// element. Dense order is what a bit string has; the other orders exist because a GPU can turn them
// into operands with fewer instructions:
//
//   pairs     elements 2i and 2i + 1 lie 16 bits apart, so that one mask yields the two halves of
//             a register: nibbles 0..7 hold elements 0 2 4 6 1 3 5 7
//   quads     elements 4i to 4i + 3 lie 8 bits apart, for the four bytes of an int8 or fp8
//             register: nibbles 0..7 hold elements 0 4 1 5 2 6 3 7
//   linear    elements follow one another
//   order(…)  field i of every word holds the element that the list names i-th
//
//   dense     linear, for any width; fields may straddle words
//   spare     Widths 3 (in lanes of 4 bits) and 5, 6, 7 (in lanes of 8). Of every 32 codes the
//             first ones fill the lanes of b words. The bits that these lanes have to spare hold
//             the codes that found no lane. With 3 bits bit 3 of nibble i of word w is bit w of
//             code 24 + i, so that the missing fourth word is
//               (w0 >> 3 & 0x11111111) | (w1 >> 2 & 0x22222222) | (w2 >> 1 & 0x44444444)
//   planes    A code is cut into fields of 4, 2 and 1 bits (3 = 2 + 1, 5 = 4 + 1, 6 = 4 + 2,
//             7 = 4 + 2 + 1), low bits first, and each plane is packed by itself: first the words
//             of the widest plane, then the next.
//
// The orders pairs, quads and linear apply to the fields of each word of `fields`, `spare` and
// `planes` alike, where the lanes are what is ordered. Text: "dense", "pairs",
// "order(0, 2, 4, 6, 1, 3, 5, 7)", "spare.pairs", "planes(2, 1).quads".
//
// Codes may be stored XORed with a constant: two's complement becomes offset binary with the sign
// bit. Text: "pairs ^ 8".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "layouts/register_layout.h"

namespace bitloom::layouts {

enum class FieldOrder { Linear, Pairs, Quads };

class Encoding {
 public:
  // Consecutive bits of a code that lie consecutively within one word.
  struct Piece {
    int code_bit = 0;
    int width = 0;
    int word = 0;
    int bit = 0;
    friend bool operator==(const Piece&, const Piece&) = default;
  };

  Encoding();  // dense(8)

  // Widths 1 to 64, in runs as short as they can be.
  [[nodiscard]] static Encoding dense(int bits);
  // Widths that divide 32: whole fields in every word.
  [[nodiscard]] static LayoutResult<Encoding> fields(int bits, FieldOrder order);
  [[nodiscard]] static LayoutResult<Encoding> fields(int bits, const std::vector<int>& order);
  // Widths 3, 5, 6 and 7; `order` is that of the lanes of a word.
  [[nodiscard]] static LayoutResult<Encoding> spare(int bits, FieldOrder order);
  // Widths of planes, low bits of the code first; each is 1, 2 or 4.
  [[nodiscard]] static LayoutResult<Encoding> planes(const std::vector<int>& widths,
                                                     FieldOrder order);

  // What the shipped kernels use for f16 operands: pairs for 1, 2, 4, 8 and 16 bits, spare pairs
  // for 3, 5, 6, 7; dense above.
  [[nodiscard]] static Encoding preferred(int bits);
  // All named encodings of a width, for tests and tuners.
  [[nodiscard]] static std::vector<Encoding> all(int bits);

  // The same places, with codes stored as code ^ constant.
  [[nodiscard]] Encoding with_xor(std::uint64_t constant) const;

  [[nodiscard]] int bits() const;
  [[nodiscard]] int words() const;     // of a run
  [[nodiscard]] int elements() const;  // of a run
  [[nodiscard]] std::uint64_t xor_constant() const { return xor_; }
  // Elements in the order of a bit string, so that a dense load sees them.
  [[nodiscard]] bool is_dense() const;

  // Place of a bit of an element in the run: 32 * word + bit; and what lies at a place.
  [[nodiscard]] int place(int element, int bit) const;
  [[nodiscard]] std::pair<int, int> element_and_bit(int place) const;
  // Where a code is to be collected from, low bits first.
  [[nodiscard]] std::span<const Piece> pieces(int element) const;
  [[nodiscard]] bool is_bijective() const;

  // One code of a string of runs, any number of them.
  [[nodiscard]] std::uint64_t get(std::span<const std::uint32_t> words, std::size_t element) const;
  void set(std::span<std::uint32_t> words, std::size_t element, std::uint64_t code) const;
  // Whole runs: words.size() / words() of them. The forms for bytes are for codes of 8 bits at
  // most.
  void pack(std::span<const std::uint64_t> codes, std::span<std::uint32_t> words) const;
  void pack(std::span<const std::uint8_t> codes, std::span<std::uint32_t> words) const;
  void unpack(std::span<const std::uint32_t> words, std::span<std::uint64_t> codes) const;
  void unpack(std::span<const std::uint32_t> words, std::span<std::uint8_t> codes) const;

  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] static LayoutResult<Encoding> parse(std::string_view text, int bits);

  // The same bits at the same places under the same constant.
  friend bool operator==(const Encoding& a, const Encoding& b);

 private:
  struct Rep;
  explicit Encoding(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}
  // places[element * bits + bit]
  static Encoding from_places(std::string name, int bits, int words, std::vector<int> places);
  template <typename Code>
  void pack_runs(std::span<const Code> codes, std::span<std::uint32_t> words) const;
  template <typename Code>
  void unpack_runs(std::span<const std::uint32_t> words, std::span<Code> codes) const;
  std::shared_ptr<const Rep> rep_;  // immutable and shared
  std::uint64_t xor_ = 0;
};

}  // namespace bitloom::layouts
