// Conversions: cast, number by number, and words, the program that a conversion was lowered to.
#include <algorithm>
#include <cstring>

#include "vm/interpreter/elementwise.h"
#include "vm/words/run.h"
#include "vm/words/word_program.h"

namespace bitloom::vm::interpreter {
namespace {

std::optional<Rounding> rounding_of(std::string_view name) {
  if (name.empty() || name == "nearest") return Rounding::NearestEven;
  if (name == "zero") return Rounding::TowardZero;
  if (name == "down") return Rounding::Down;
  if (name == "up") return Rounding::Up;
  return std::nullopt;
}

// The conversions that kernels do over and over, as loops; null for all others.
using LaneLoop = void (*)(const std::uint32_t* from, std::uint32_t* to, std::size_t n);

void i32_to_f32(const std::uint32_t* from, std::uint32_t* to, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i)
    to[i] = std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<std::int32_t>(from[i])));
}
void u32_to_f32(const std::uint32_t* from, std::uint32_t* to, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i)
    to[i] = std::bit_cast<std::uint32_t>(static_cast<float>(from[i]));
}
template <float (*Decode)(std::uint16_t)>
void half_to_f32(const std::uint32_t* from, std::uint32_t* to, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i)
    to[i] = std::bit_cast<std::uint32_t>(Decode(static_cast<std::uint16_t>(from[i])));
}
template <std::uint16_t (*Encode)(float)>
void f32_to_half(const std::uint32_t* from, std::uint32_t* to, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) to[i] = Encode(f32(from[i]));
}

LaneLoop fast_loop(ElementType to, ElementType from, Rounding rounding) {
  if (rounding != Rounding::NearestEven) return nullptr;
  if (to == kF32 && from == kF16) return half_to_f32<f16_to_f32>;
  if (to == kF32 && from == kBF16) return half_to_f32<bf16_to_f32>;
  if (to == kF16 && from == kF32) return f32_to_half<f32_to_f16>;
  if (to == kBF16 && from == kF32) return f32_to_half<f32_to_bf16>;
  if (to == kF32 && from == kI32) return i32_to_f32;
  if (to == kF32 && from == kU32) return u32_to_f32;
  return nullptr;
}

// All codes of a narrow type at once.
std::vector<std::uint64_t> conversion_table(ElementType to, ElementType from, Rounding rounding) {
  std::vector<std::uint64_t> table(std::size_t{1} << from.bits);
  for (std::size_t code = 0; code < table.size(); ++code)
    table[code] = convert(to, from, from.is_bool() ? code != 0 : code, rounding);
  return table;
}

}  // namespace

void compile(const CastOp& op, Compiler& compiler) {
  const Tile x = compiler.tile(op.x()), d = compiler.define(op.d());
  if (!aligned(*op, compiler, d, x)) return;
  const auto rounding = rounding_of(op->word("rounding"));
  if (!rounding) return compiler.fail(*op, "there is no such rounding");
  if (const LaneLoop loop = fast_loop(d.element, x.element, *rounding)) {
    compiler.step(*op, [=](Strand& strand, const Step&) {
      const std::size_t n = d.lanes();
      const auto from = buffer<std::uint32_t>(n), to = buffer<std::uint32_t>(n);
      unpack(strand.words(x), x, from.get());
      loop(from.get(), to.get(), n);
      pack(to.get(), d, strand.words(d));
      return Flow::Next;
    });
    return;
  }
  std::vector<std::uint64_t> table;
  if (x.bits <= 8) table = conversion_table(d.element, x.element, *rounding);
  compiler.step(*op, [=, rounding = *rounding](Strand& strand, const Step&) {
    const std::size_t n = d.lanes();
    const auto codes = buffer<std::uint64_t>(n);
    unpack64(strand.words(x), x, codes.get());
    for (std::size_t i = 0; i < n; ++i)
      codes[i] =
          table.empty() ? convert(d.element, x.element, codes[i], rounding) : table[codes[i]];
    pack64(codes.get(), d, strand.words(d));
    return Flow::Next;
  });
}

void compile(const CastScaledOp& op, Compiler& compiler) {
  compiler.fail(*op, "scaled casts are lowered by a pass; this function was not");
}

// The program runs on the words of each thread. Where the operands have several times the words
// that it takes, it runs as often, each time on the next words of every operand.
void compile(const WordsOp& op, Compiler& compiler) {
  std::vector<Tile> inputs, outputs;
  for (ValueId value : op.x()) inputs.push_back(compiler.tile(value));
  for (ValueId value : op.d()) outputs.push_back(compiler.define(value));
  const AttributeValue* found = op->find("program");
  const auto* held = found ? std::get_if<std::shared_ptr<const WordProgram>>(found) : nullptr;
  if (!held || !*held || outputs.empty()) return compiler.fail(*op, "there is no program");
  const std::shared_ptr<const WordProgram> program = *held;
  int taken = 0, given = 0;
  for (const Tile& tile : inputs) taken += tile.words;
  for (const Tile& tile : outputs) given += tile.words;
  const int threads = outputs[0].threads;
  const int produced = static_cast<int>(program->outputs.size());
  const int times = produced > 0 ? given / produced : 0;
  bool fits = times > 0 && given == produced * times && taken == program->inputs * times;
  for (const Tile& tile : inputs) fits &= tile.threads == threads && tile.words % times == 0;
  for (const Tile& tile : outputs) fits &= tile.threads == threads && tile.words % times == 0;
  if (!fits) return compiler.fail(*op, "operands do not fit the program's words");
  const bool single = inputs.size() == 1 && outputs.size() == 1;
  // One word in, one word out: repetitions are no more than further threads.
  if (single && (times == 1 || (program->inputs == 1 && produced == 1))) {
    compiler.step(*op, [=, x = inputs[0], d = outputs[0]](Strand& strand, const Step&) {
      vm::run(*program, strand.words(x), strand.words(d),
              static_cast<std::size_t>(threads) * times);
      return Flow::Next;
    });
    return;
  }
  compiler.step(*op, [=](Strand& strand, const Step&) {
    const std::size_t row = static_cast<std::size_t>(threads);
    const auto in = buffer<std::uint32_t>(row * std::max<std::size_t>(program->inputs, 1));
    const auto out = buffer<std::uint32_t>(row * program->outputs.size());
    for (int turn = 0; turn < times; ++turn) {
      std::uint32_t* to = in.get();
      for (const Tile& tile : inputs) {
        const std::size_t words = row * (tile.words / times);
        std::memcpy(to, strand.words(tile) + words * turn, words * sizeof *to);
        to += words;
      }
      vm::run(*program, in.get(), out.get(), row);
      const std::uint32_t* from = out.get();
      for (const Tile& tile : outputs) {
        const std::size_t words = row * (tile.words / times);
        std::memcpy(strand.words(tile) + words * turn, from, words * sizeof *from);
        from += words;
      }
    }
    return Flow::Next;
  });
}

}  // namespace bitloom::vm::interpreter
