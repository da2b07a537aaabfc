// docs/isa.md from the instruction table.
#include <fmt/format.h>

#include <vector>

#include "vm/isa.h"
#include "vm/isa_docs.h"

namespace bitloom::vm {
namespace {

constexpr std::string_view kIntroduction = R"(# The instruction set

<!-- Generated from vm/isa.def: change it there, then run the tests with BITLOOM_UPDATE=1. -->

A kernel is a list of instructions on tiles. One thread block runs it; a tile lies in registers (spread over the threads of
a strand), in shared memory or in global memory. The language ([language.md](language.md)) is lowered to these instructions,
passes rewrite them, the interpreter runs them and the code generator prints them as CUDA. `--print-after=PASS` shows them as
text:

```text
kernel @twice threads(128) grid(ceildiv(n, 1024)) sizes(%n.0: i64)
  (%x.1: global f16[n])
{
  %i.2: i32 = block_index {axis = 0}
  %b.3: i32 = constant {integer = 1024}
  %o.4: i32 = mul %i.2, %b.3
  %w.5: global view f16[1024] = window %x.1, %o.4 {extents = [1024], keep = [1]}
  %t.6: f16[1024] in spatial(128) * local(8) = load %w.5, none {clip = [1]}
  %y.7: f16[1024] in spatial(128) * local(8) = add %t.6, %t.6
  store %w.5, %y.7, none {clip = [1]}
}
```

A line reads `results: types = instruction operands {attributes} regions`. A value is `%name.number`; an optional operand that
is absent is `none`. Below, `reg` is a register tile of any rank, `scalar` a register tile of rank 0 that has one value in the
whole strand, `shared` and `global` are tiles in memory or windows of them, `mem` is either of the two, `bar` are mbarriers;
`variable` is a register tile that the instruction changes, `…` any number, `?` may be `none`. Attributes have a kind
(`int`, `real`, `bool`, `name`, `text`, `shape`: a list of integers, `words`: a word program) and are 0, false or empty when absent.

The last line of an entry says what an instruction does to memory and order (`pure`, `reads`, `writes`, `async`: starts what ends
later, `synchronizes`, `control`), what its time is spent on, and the least compute capability. The exact rules for types and
shapes stand with the verifier, one function an instruction, in `vm/verify/`.
)";

struct GroupText {
  Group group;
  std::string_view title, text;
};

constexpr GroupText kGroups[] = {
    {Group::Control, "Control",
     "Control is structured: regions nest, and there are no jumps but out of a loop. `roles` and "
     "`warps` split the strand that runs them into several that go their own ways."},
    {Group::Creation, "Creation",
     "Values out of nothing, and variables: the only values that change."},
    {Group::Elementwise, "Elementwise",
     "Operands and result have one shape, one layout and, unless it says otherwise, one element "
     "type. Arithmetic works on integers of 8, 16, 32 and 64 bits and on f16, bf16, f32 and f64."},
    {Group::Shape, "Shape", "Nothing is computed and, but for `convert_layout`, nothing moves."},
    {Group::Reduction, "Reductions",
     "Elements of a tile combined along a dimension, across threads where the layout asks for it."},
    {Group::Contraction, "Contractions",
     "Products of matrices, by the tensor cores or by fma, at once or in the background."},
    {Group::Allocation, "Allocation and views",
     "Tiles and barriers in shared memory, and windows of what is in memory. A view owns nothing."},
    {Group::Memory, "Memory access",
     "Between registers and memory. Where an access may leave its tensor it is clipped along the "
     "dimensions that `clip` marks, or carries a mask."},
    {Group::Copying, "Copies",
     "Between global and shared memory, without registers. What is in flight is counted in groups, "
     "or in bytes on an mbarrier."},
    {Group::Synchronization, "Synchronisation", "Order between threads, strands and blocks."},
    {Group::Debug, "Debugging", "Conditions that are checked, and values that are printed."},
};

std::string spaces_text(std::uint8_t spaces) {
  std::vector<std::string_view> names;
  if (spaces & Reg) names.push_back("reg");
  if (spaces & Scalar) names.push_back("scalar");
  if ((spaces & Mem) == Mem) {
    names.push_back("mem");
  } else if (spaces & Shared) {
    names.push_back("shared");
  } else if (spaces & Global) {
    names.push_back("global");
  }
  if (spaces & Bar) names.push_back("bar");
  return fmt::format("{}", fmt::join(names, " or "));
}

bool is_output(const OperandInfo& operand) {
  return operand.role == OperandRole::Out || operand.role == OperandRole::VariadicOut;
}

// "d: reg, … = dot a: reg, b: reg, c: reg {unit: name} {…}"
std::string signature(const InstructionInfo& row) {
  std::vector<std::string> outputs, inputs, attributes;
  for (const OperandInfo& operand : row.operands) {
    const bool variadic =
        operand.role == OperandRole::Variadic || operand.role == OperandRole::VariadicOut;
    const std::string text = fmt::format("{}{}: {}{}", operand.name,
                                         variadic                                ? "…"
                                         : operand.role == OperandRole::Optional ? "?"
                                                                                 : "",
                                         operand.role == OperandRole::InOut ? "variable " : "",
                                         spaces_text(operand.spaces));
    (is_output(operand) ? outputs : inputs).push_back(text);
  }
  for (const AttributeInfo& attribute : row.attributes) {
    attributes.push_back(fmt::format("{}: {}", attribute.name, to_string(attribute.kind)));
  }
  std::string text;
  if (!outputs.empty()) text += fmt::format("{} = ", fmt::join(outputs, ", "));
  text += row.mnemonic;
  if (!inputs.empty()) text += fmt::format(" {}", fmt::join(inputs, ", "));
  if (!attributes.empty()) text += fmt::format(" {{{}}}", fmt::join(attributes, ", "));
  for (int i = 0; i < row.regions; ++i) text += " { region }";
  if (row.regions < 0) text += " { region } …";
  return text;
}

std::string entry(const InstructionInfo& row) {
  std::string text = fmt::format("### {}\n\n```text\n{}\n```\n\n", row.mnemonic, signature(row));
  text += fmt::format("{}\n\n", row.documentation);
  return text +
         fmt::format("*{}, {}, sm_{}*\n", to_string(row.effect), to_string(row.cost), row.least_sm);
}

}  // namespace

std::string isa_markdown() {
  std::string text(kIntroduction);
  text += "\n| group | instructions |\n|---|---|\n";
  for (const GroupText& group : kGroups) {
    text += fmt::format("| {} |", group.title);
    for (const InstructionInfo& row : all_instructions()) {
      if (row.group == group.group) text += fmt::format(" [{0}](#{0})", row.mnemonic);
    }
    text += " |\n";
  }
  for (const GroupText& group : kGroups) {
    text += fmt::format("\n## {}\n\n{}\n", group.title, group.text);
    for (const InstructionInfo& row : all_instructions()) {
      if (row.group == group.group) text.append("\n").append(entry(row));
    }
  }
  return text;
}

}  // namespace bitloom::vm
