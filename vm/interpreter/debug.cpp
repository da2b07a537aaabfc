// Assertions, assumptions, prints.
#include <ostream>

#include "vm/interpreter/compiler.h"
#include "vm/interpreter/elementwise.h"
#include "vm/interpreter/report.h"
#include "vm/interpreter/scalars.h"

namespace bitloom::vm::interpreter {
namespace {

constexpr std::size_t kMostElements = 256;  // of a tile that is printed

std::string number_text(ElementType type, std::uint64_t code) {
  if (type.is_bool()) return code ? "true" : "false";
  if (type == kF64) return fmt::format("{:.17g}", decode(type, code));
  if (type.is_float() || type.type_class == TypeClass::Scale)
    return fmt::format("{:.9g}", decode(type, code));
  if (type.type_class == TypeClass::Signed) return fmt::to_string(decode_integer(type, code));
  return fmt::to_string(code);
}

// "[[1, 2], [3, 4]]"; a large tile ends with its type.
std::string tile_text(Strand& strand, const Tile& tile) {
  const auto lanes = buffer<std::uint64_t>(tile.lanes());
  unpack64(strand.words(tile), tile, lanes.get());
  const auto& lane_of = tile.table->lane_of_element;
  if (tile.scalar) return number_text(tile.element, lanes[0]);
  std::string text;
  const std::size_t shown = std::min(lane_of.size(), kMostElements);
  for (std::size_t e = 0; e < shown; ++e) {
    std::int64_t row = 1;
    std::string opens;
    for (std::size_t d = tile.shape.size(); d-- > 0;) {
      row *= tile.shape[d];
      if (static_cast<std::int64_t>(e) % row == 0) opens += '[';
    }
    if (e > 0) text += std::string(opens.size(), ']') + ", ";
    text += opens + number_text(tile.element, lanes[lane_of[e]]);
  }
  if (shown < lane_of.size())
    return text +
           fmt::format(", …] ({}{})", to_string(tile.element), layouts::to_string(tile.shape));
  return text + std::string(tile.shape.size(), ']');
}

}  // namespace

void compile(const AssertOp& op, Compiler& compiler) {
  const Tile condition = compiler.tile(op.condition());
  const std::string message(op->word("message"));
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    const auto lanes = buffer<std::uint64_t>(condition.lanes());
    unpack64(strand.words(condition), condition, lanes.get());
    for (std::size_t lane = 0; lane < condition.lanes(); ++lane) {
      if (lanes[lane]) continue;
      report_and_end(
          strand, step, "BL0516",
          fmt::format("assertion failed{}{}{} in {}", message.empty() ? "" : ": ", message,
                      element_text(condition, lane), thread_text(strand, condition, lane)));
      return Flow::Finished;
    }
    return Flow::Next;
  });
}

void compile(const AssumeOp& op, Compiler& compiler) {
  const Tile condition = compiler.tile(op.condition());
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    if (get_code(strand, condition) == 0)
      report(strand, step, "BL0523",
             fmt::format("what is assumed here does not hold in {}", strand.describe()));
    return Flow::Next;
  });
}

void compile(const PrintOp& op, Compiler& compiler) {
  std::vector<Tile> tiles;
  for (ValueId value : op.x()) tiles.push_back(compiler.tile(value));
  const std::string format(op->word("format"));
  compiler.step(*op, [=](Strand& strand, const Step&) {
    std::ostream* out = strand.cluster->grid.options.print;
    if (!out) return Flow::Next;
    std::string line;
    std::size_t next = 0;
    for (std::size_t i = 0; i < format.size(); ++i) {
      if (format.compare(i, 2, "{}") == 0) {
        line += next < tiles.size() ? tile_text(strand, tiles[next]) : "{}";
        ++next;
        ++i;
      } else {
        line += format[i];
      }
    }
    const std::lock_guard lock(strand.cluster->grid.print_mutex);
    *out << line << '\n';
    return Flow::Next;
  });
}

}  // namespace bitloom::vm::interpreter
