#include "vm/interpreter/report.h"

#include "layouts/shape.h"

namespace bitloom::vm::interpreter {

std::string element_text(const layouts::Shape& shape, std::int64_t element) {
  if (shape.empty()) return {};
  return " at element " + layouts::to_string(layouts::unlinear(element, shape));
}

std::string element_text(const Tile& tile, std::size_t lane) {
  return element_text(tile.shape, tile.table->element_of_lane[lane]);
}

std::string thread_text(const Strand& strand, std::int64_t thread) {
  return fmt::format("thread {} of {}", strand.first + thread, strand.block->describe());
}

std::string thread_text(const Strand& strand, const Tile& tile, std::size_t lane) {
  if (tile.scalar) return strand.describe();
  return thread_text(strand, static_cast<std::int64_t>(lane) % tile.threads);
}

void report(Strand& strand, const Step& step, std::uint32_t other, Diagnostic diagnostic) {
  strand.cluster->grid.faults.add(strand.block->linear, step.number, other, std::move(diagnostic));
}

void report(Strand& strand, const Step& step, std::string_view code, std::string message) {
  const Span span = step.instruction ? step.instruction->span : Span{};
  report(strand, step, 0, {Severity::Error, std::string(code), span, std::move(message), {}, {}});
}

void report_and_end(Strand& strand, const Step& step, std::string_view code, std::string message) {
  report(strand, step, code, std::move(message));
  strand.cluster->grid.ending.store(true, std::memory_order_relaxed);
}

}  // namespace bitloom::vm::interpreter
