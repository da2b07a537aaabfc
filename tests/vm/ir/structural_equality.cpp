#include "tests/vm/ir/structural_equality.h"

#include <fmt/format.h>

#include <bit>

#include "vm/words/word_program.h"

namespace bitloom::vm::testing {
namespace {

class Comparison {
 public:
  Comparison(const Function& a, const Function& b, bool spans) : a_(a), b_(b), spans_(spans) {}

  std::string run() {
    head();
    region(a_.body, b_.body);
    return first_;
  }

 private:
  template <class T>
  void same(const T& left, const T& right, std::string_view what) {
    if (first_.empty() && !(left == right)) first_ = fmt::format("{} differs", what);
  }
  void span(Span left, Span right, std::string_view what) {
    if (spans_) same(left, right, what);
  }

  void value(ValueId left, ValueId right) {
    same(left, right, "the number of a value");
    if (!first_.empty() || left >= a_.values.size() || right >= b_.values.size()) return;
    const Value &x = a_.value(left), &y = b_.value(right);
    const std::string what = fmt::format("value {} ", left);
    same(x.name, y.name, what + "name");
    same(x.variable, y.variable, what + "variable");
    span(x.span, y.span, what + "span");
    same(x.type.space, y.type.space, what + "space");
    same(x.type.element, y.type.element, what + "element");
    same(x.type.shape, y.type.shape, what + "shape");
    same(x.type.extents, y.type.extents, what + "extents");
    same(x.type.layout, y.type.layout, what + "layout");
    same(x.type.shared, y.type.shared, what + "shared layout");
    same(x.type.packed, y.type.packed, what + "packed atom");
  }

  void values(const std::vector<ValueId>& left, const std::vector<ValueId>& right) {
    same(left.size(), right.size(), "the number of results, arguments or sizes");
    for (std::size_t i = 0; first_.empty() && i < left.size(); ++i) value(left[i], right[i]);
  }

  void head() {
    same(a_.name, b_.name, "name");
    span(a_.span, b_.span, "span");
    same(a_.specialization, b_.specialization, "specialization");
    values(a_.sizes, b_.sizes);
    same(a_.parameters.size(), b_.parameters.size(), "the number of parameters");
    for (std::size_t i = 0; first_.empty() && i < a_.parameters.size(); ++i) {
      const Parameter &x = a_.parameters[i], &y = b_.parameters[i];
      value(x.value, y.value);
      same(x.optional, y.optional, "optional");
      same(x.present, y.present, "present");
    }
    same(a_.grid, b_.grid, "grid");
    same(a_.constraints.size(), b_.constraints.size(), "the number of constraints");
    for (std::size_t i = 0; first_.empty() && i < a_.constraints.size(); ++i) {
      const Constraint &x = a_.constraints[i], &y = b_.constraints[i];
      same(x.condition, y.condition, "condition");
      same(x.text, y.text, "text of a condition");
      same(x.message, y.message, "message of a condition");
      span(x.span, y.span, "span of a condition");
    }
    same(a_.threads, b_.threads, "threads");
    same(a_.cluster, b_.cluster, "cluster");
    same(a_.min_blocks, b_.min_blocks, "min_blocks");
    same(a_.resident, b_.resident, "resident");
    same(a_.comfortable, b_.comfortable, "comfortable");
    same(a_.shared_bytes, b_.shared_bytes, "shared_bytes");
    same(a_.target_sm, b_.target_sm, "target_sm");
  }

  void attribute(const AttributeValue& left, const AttributeValue& right) {
    const auto* x = std::get_if<std::shared_ptr<const WordProgram>>(&left);
    const auto* y = std::get_if<std::shared_ptr<const WordProgram>>(&right);
    if (x && y) return same(**x, **y, "a word program");
    const auto* number = std::get_if<double>(&left);
    const auto* other = std::get_if<double>(&right);
    if (number && other) {
      return same(std::bit_cast<std::uint64_t>(*number), std::bit_cast<std::uint64_t>(*other),
                  "a float");
    }
    same(left, right, "an attribute");
  }

  void region(const Region& left, const Region& right) {
    values(left.arguments, right.arguments);
    same(left.body.size(), right.body.size(), "the length of a region");
    for (std::size_t i = 0; first_.empty() && i < left.body.size(); ++i) {
      instruction(*left.body[i], *right.body[i]);
    }
  }

  void instruction(const Instruction& left, const Instruction& right) {
    same(left.opcode, right.opcode, "an opcode");
    values(left.outputs, right.outputs);
    same(left.inputs, right.inputs, "inputs");
    span(left.span, right.span, "the span of an instruction");
    same(left.attributes.size(), right.attributes.size(), "the number of attributes");
    for (std::size_t i = 0; first_.empty() && i < left.attributes.size(); ++i) {
      same(left.attributes[i].first, right.attributes[i].first, "the name of an attribute");
      if (first_.empty()) attribute(left.attributes[i].second, right.attributes[i].second);
    }
    same(left.regions.size(), right.regions.size(), "the number of regions");
    for (std::size_t i = 0; first_.empty() && i < left.regions.size(); ++i) {
      region(left.regions[i], right.regions[i]);
    }
    if (!first_.empty() && first_.find(" in ") == std::string::npos) {
      first_ += fmt::format(" in {}", info(left.opcode).mnemonic);
    }
  }

  const Function& a_;
  const Function& b_;
  bool spans_;
  std::string first_;
};

}  // namespace

std::string difference(const Function& a, const Function& b, bool spans) {
  return Comparison(a, b, spans).run();
}

}  // namespace bitloom::vm::testing
