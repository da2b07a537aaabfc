// Makes a word program operation by operation.
//
// A Word is a value that the program computes. Asking twice for the same operation on the same
// words gives the same Word, and what nobody uses is dropped by finish(), so code that lowers a
// conversion may ask for what it needs element by element and pays for it once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "vm/words/word_program.h"

namespace bitloom::vm {

struct Word {
  std::uint16_t id = 0;
  auto operator<=>(const Word&) const = default;
};

class WordBuilder {
 public:
  explicit WordBuilder(int inputs);

  Word input(int index) const { return {static_cast<std::uint16_t>(index)}; }
  Word constant(std::uint32_t value);
  // The value of a word that is a constant.
  std::optional<std::uint32_t> constant_value(Word word) const;

  // The word that an operation would give, if it has been asked for before.
  std::optional<Word> known(WordOpcode opcode, Word a = {}, Word b = {}, Word c = {},
                            std::uint32_t imm = 0) const;

  // What the operations asked for so far cost, used or not. To weigh two ways of making a word,
  // make one, look at the cost, and go back.
  int cost() const { return cost_; }
  std::size_t mark() const { return ops_.size(); }
  void go_back(std::size_t mark);

  // Any operation of the table. Operands beyond those it reads are ignored.
  Word op(WordOpcode opcode, Word a = {}, Word b = {}, Word c = {}, std::uint32_t imm = 0);

  // Shifts by 0 give x itself. A shift below 0 goes the other way.
  Word shl(Word x, int amount);
  Word shr(Word x, int amount);
  Word sar(Word x, int amount);
  Word lop3(Word a, Word b, Word c, std::uint32_t lut) {
    return op(WordOpcode::Lop3, a, b, c, lut);
  }
  Word prmt(Word a, Word b, std::uint32_t selector);

  Word and_imm(Word x, std::uint32_t mask);
  Word and_or(Word x, std::uint32_t mask, std::uint32_t ones);   // (x & mask) | ones
  Word and_or(Word x, std::uint32_t mask, Word y);               // (x & mask) | y
  Word and_xor(Word x, std::uint32_t mask, std::uint32_t flip);  // (x & mask) ^ flip
  Word select_bits(std::uint32_t mask, Word ones,
                   Word zeros);  // ones where the mask is 1, else zeros
  Word or_(Word x, Word y);

  WordProgram finish(const std::vector<Word>& outputs) const;

 private:
  using Key = std::tuple<WordOpcode, std::uint16_t, std::uint16_t, std::uint16_t, std::uint32_t>;
  static Key key(WordOpcode opcode, Word a, Word b, Word c, std::uint32_t imm);

  int inputs_;
  int cost_ = 0;
  std::vector<WordOp> ops_;  // operation i makes word inputs_ + i
  std::map<Key, Word> known_;
};

// The truth table of (a & b) | c and its like, for lop3.
inline constexpr std::uint32_t kLutA = 0xf0, kLutB = 0xcc, kLutC = 0xaa;

}  // namespace bitloom::vm
