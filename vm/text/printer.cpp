#include "vm/text/printer.h"

#include <fmt/format.h>

#include "vm/text/text_forms.h"
#include "vm/words/word_program.h"

namespace bitloom::vm {
namespace {

using namespace text;

std::string list_text(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

// Lines of a text, each behind an indentation.
std::string indented(std::string_view lines, int depth) {
  std::string result;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    if (end > 0) result += fmt::format("{:{}}{}", "", 2 * depth, lines.substr(0, end));
    result += '\n';
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return result;
}

class Printer {
 public:
  Printer(const Function& function, const PrintOptions& options)
      : function_(function), options_(options) {}

  std::string function_text();
  std::string instruction_text(const Instruction& instruction) {
    print_instruction(instruction);
    return std::move(out_);
  }

 private:
  void print_header();
  void print_parameters();
  void print_constraints();
  // `inherited`: the place that a value has when nothing else is said.
  void print_definition(ValueId id, Span inherited);
  void print_operands(const Instruction& instruction);
  void print_attributes(const Instruction& instruction);
  void print_attribute(const AttributeValue& value);
  void print_region(const Region& region);
  void print_body(const Region& region);
  void print_instruction(const Instruction& instruction);
  void print_span(Span span) {
    if (options_.spans && span.known()) out_.append(" ").append(span_text(span));
  }
  // However a value came to have no place.
  static Span place(Span span) { return span.known() ? span : Span{}; }
  void indent() { out_.append(2 * static_cast<std::size_t>(depth_), ' '); }

  const Function& function_;
  const PrintOptions& options_;
  std::string out_;
  int depth_ = 0;
};

std::string Printer::function_text() {
  print_header();
  print_parameters();
  print_constraints();
  out_ += "{\n";
  print_body(function_.body);
  out_ += "}\n";
  return std::move(out_);
}

void Printer::print_header() {
  out_.append("kernel @").append(word_or_quoted(function_.name));
  if (options_.spans) out_ += " spans";
  print_span(function_.span);
  if (!function_.specialization.empty()) {
    out_ += " {";
    for (std::size_t i = 0; i < function_.specialization.size(); ++i) {
      const auto& [name, value] = function_.specialization[i];
      out_ += fmt::format("{}{} = {}", i ? ", " : "", word_or_quoted(name), quote(value));
    }
    out_ += "}";
  }
  out_ += fmt::format(" threads({})", function_.threads);
  if (function_.cluster != 1) out_ += fmt::format(" cluster({})", function_.cluster);
  if (function_.min_blocks != 0) out_ += fmt::format(" min_blocks({})", function_.min_blocks);
  if (function_.resident) out_ += " resident";
  if (!function_.comfortable) out_ += " explicit";
  if (function_.shared_bytes != -1) {
    out_ += fmt::format(" shared_bytes({})", function_.shared_bytes);
  }
  if (function_.target_sm != 0) out_ += fmt::format(" target_sm({})", function_.target_sm);
  if (!function_.grid.empty()) {
    out_ += " grid(";
    for (std::size_t i = 0; i < function_.grid.size(); ++i) {
      out_.append(i ? ", " : "").append(function_.grid[i].to_string());
    }
    out_ += ")";
  }
  if (!function_.sizes.empty()) {
    out_ += " sizes(";
    for (std::size_t i = 0; i < function_.sizes.size(); ++i) {
      if (i > 0) out_ += ", ";
      print_definition(function_.sizes[i], {});
    }
    out_ += ")";
  }
  out_ += "\n";
}

void Printer::print_parameters() {
  out_ += "  (";
  for (std::size_t i = 0; i < function_.parameters.size(); ++i) {
    const Parameter& parameter = function_.parameters[i];
    if (i > 0) out_ += ",\n   ";
    if (!parameter.present) {
      out_ += "absent ";
    } else if (parameter.optional) {
      out_ += "optional ";
    }
    print_definition(parameter.value, {});
  }
  out_ += ")\n";
}

void Printer::print_constraints() {
  for (const Constraint& constraint : function_.constraints) {
    const std::string condition = constraint.condition.to_string();
    out_.append("  where ").append(condition);
    if (constraint.text != condition) out_.append(" text ").append(quote(constraint.text));
    if (!constraint.message.empty()) out_.append(" message ").append(quote(constraint.message));
    print_span(constraint.span);
    out_ += "\n";
  }
}

void Printer::print_definition(ValueId id, Span inherited) {
  const Value& value = function_.value(id);
  out_.append(print_name(function_, id)).append(": ");
  if (value.variable) out_ += "variable ";
  out_ += print_type(value.type);
  if (options_.spans && place(value.span) != place(inherited))
    out_.append(" ").append(span_text(place(value.span)));
}

void Printer::print_operands(const Instruction& instruction) {
  for (std::size_t i = 0; i < instruction.inputs.size(); ++i) {
    const ValueId input = instruction.inputs[i];
    out_ += i > 0 ? ", " : " ";
    out_ += input == kNoValue ? "none" : print_name(function_, input);
  }
}

void Printer::print_attribute(const AttributeValue& value) {
  struct {
    Printer& printer;
    std::string operator()(std::int64_t number) const { return fmt::to_string(number); }
    std::string operator()(double number) const { return real_text(number); }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(const std::string& text) const { return quote(text); }
    std::string operator()(ElementType type) const { return to_string(type); }
    std::string operator()(const Shape& shape) const { return list_text(shape); }
    std::string operator()(const layouts::RegisterLayout& layout) const {
      return layout.to_string();
    }
    std::string operator()(const std::shared_ptr<const WordProgram>& program) const {
      // Its first line follows the attribute's name; the others go below.
      std::string text = indented(to_string(*program), printer.depth_ + 1);
      text.erase(0, text.find_first_not_of(' '));
      while (text.ends_with('\n')) text.pop_back();
      return text;
    }
  } form{*this};
  out_ += std::visit(form, value);
}

void Printer::print_attributes(const Instruction& instruction) {
  if (instruction.attributes.empty()) return;
  out_ += " {";
  for (std::size_t i = 0; i < instruction.attributes.size(); ++i) {
    const auto& [name, value] = instruction.attributes[i];
    out_.append(i > 0 ? ", " : "").append(name).append(" = ");
    print_attribute(value);
  }
  out_ += "}";
}

void Printer::print_region(const Region& region) {
  if (!region.arguments.empty()) {
    out_ += "(";
    for (std::size_t i = 0; i < region.arguments.size(); ++i) {
      if (i > 0) out_ += ", ";
      print_definition(region.arguments[i], {});
    }
    out_ += ") ";
  }
  if (region.body.empty()) {
    out_ += "{}";
    return;
  }
  out_ += "{\n";
  print_body(region);
  indent();
  out_ += "}";
}

void Printer::print_body(const Region& region) {
  ++depth_;
  for (const InstructionPtr& instruction : region.body) {
    indent();
    print_instruction(*instruction);
    out_ += "\n";
  }
  --depth_;
}

void Printer::print_instruction(const Instruction& instruction) {
  for (std::size_t i = 0; i < instruction.outputs.size(); ++i) {
    if (i > 0) out_ += ", ";
    print_definition(instruction.outputs[i], instruction.span);
  }
  if (!instruction.outputs.empty()) out_ += " = ";
  out_ += info(instruction.opcode).mnemonic;
  print_operands(instruction);
  print_attributes(instruction);
  print_span(instruction.span);
  for (std::size_t i = 0; i < instruction.regions.size(); ++i) {
    out_ += i > 0 && instruction.opcode == Opcode::If ? " else " : " ";
    print_region(instruction.regions[i]);
  }
}

std::string extents_text(const Type& type) {
  std::string result = "[";
  for (const layouts::SizeExpr& extent : type.extents) {
    result.append(result.size() > 1 ? ", " : "").append(extent.to_string());
  }
  return result + "]";
}

// " placed(64:64, 2:4096 + 64:1) swizzle(4, 3, 3)": the modes of each dimension, extent:stride.
std::string shared_layout_text(const layouts::SharedLayout& layout, int element_bits) {
  std::string result = " placed(";
  for (std::size_t d = 0; d < layout.dims().size(); ++d) {
    if (d > 0) result += ", ";
    const layouts::SharedLayout::Modes& modes = layout.dims()[d];
    for (std::size_t m = 0; m < modes.size(); ++m) {
      result += fmt::format("{}{}:{}", m > 0 ? " + " : "", modes[m].extent, modes[m].stride);
    }
  }
  result += ")";
  const layouts::Swizzle& swizzle = layout.swizzle();
  if (swizzle != layouts::kNoSwizzle) {
    result += fmt::format(" swizzle({}, {}, {})", swizzle.base, swizzle.bits, swizzle.shift);
  }
  if (layout.element_bits() != element_bits)
    result += fmt::format(" bits({})", layout.element_bits());
  return result;
}

}  // namespace

std::string print(const Function& function, const PrintOptions& options) {
  return Printer(function, options).function_text();
}

std::string print(const Function& function, const Instruction& instruction,
                  const PrintOptions& options) {
  return Printer(function, options).instruction_text(instruction);
}

std::string print_name(const Function& function, ValueId id) {
  const std::string& name = function.value(id).name;
  return name.empty() ? fmt::format("%{}", id) : fmt::format("%{}.{}", word_or_quoted(name), id);
}

std::string print_type(const Type& type) {
  if (type.space == Space::Barrier) return "mbarrier" + list_text(type.shape);
  std::string result;
  if (type.space == Space::Shared) result += "shared ";
  if (type.space == Space::Global) result += type.extents.empty() ? "global view " : "global ";
  if (type.packed) result += "packed ";
  result += to_string(type.element);
  if (type.space == Space::Global && !type.extents.empty()) {
    result += extents_text(type);
  } else if (!type.shape.empty() || type.space != Space::Register) {
    result += list_text(type.shape);
  }
  if (type.packed) result.append(" atom(").append(quote(type.packed->tag())).append(")");
  if (type.shared) result += shared_layout_text(*type.shared, type.element.bits);
  if (type.layout) result.append(" in ").append(type.layout->to_string());
  return result;
}

}  // namespace bitloom::vm
