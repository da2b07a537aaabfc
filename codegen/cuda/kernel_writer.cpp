#include "codegen/cuda/kernel_writer.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "codegen/cuda/emit.h"

namespace bitloom::codegen {

using layouts::SizeExpr;
using vm::ValueId;

std::string Offset::whole() const {
  if (text.empty()) return fmt::format("{}", constant);
  if (constant == 0) return text;
  return constant > 0 ? fmt::format("{} + {}", text, constant)
                      : fmt::format("{} - {}", text, -constant);
}

KernelWriter::KernelWriter(const vm::Function& function, const CudaOptions& options,
                           vm::Diagnostics& diagnostics)
    : function_(function), options_(options), diagnostics_(diagnostics), facts_(function) {
  vm::walk(function.body, [&](const vm::Instruction& instruction) {
    if (instruction.opcode == vm::Opcode::NamedSync ||
        instruction.opcode == vm::Opcode::NamedArrive) {
      barriers_.insert(static_cast<int>(instruction.integer("id")));
    }
    if (instruction.opcode == vm::Opcode::DotAsync) {
      for (ValueId operand : {instruction.inputs[0], instruction.inputs[1]}) {
        if (function.value(operand).variable) tensor_core_.insert(operand);
      }
    }
  });
  barriers_.insert(0);  // that of the whole block
}

// ---- Text ---------------------------------------------------------------------------------------

void KernelWriter::write(const std::string& text) {
  // A #line counts on from line to line; whatever an instruction prints is on its own line.
  if (std::exchange(line_counted_, last_line_ != 0)) text_ += fmt::format("#line {}\n", last_line_);
  text_.append(2 * static_cast<std::size_t>(depth_), ' ').append(text) += '\n';
}

void KernelWriter::label(const std::string& name) {
  text_.append(name).append(":;\n");
}

void KernelWriter::open(const std::string& head) {
  write(head.empty() ? "{" : head + " {");
  ++depth_;
}

void KernelWriter::close(const std::string& tail) {
  --depth_;
  write("}" + tail);
}

void KernelWriter::otherwise() {
  --depth_;
  write("} else {");
  ++depth_;
}

std::string KernelWriter::fresh(std::string_view prefix) {
  return fmt::format("{}{}_", prefix, names_++);  // names of values end in a digit
}

std::string KernelWriter::invoke(const std::string& name,
                                 const std::vector<std::string>& arguments) {
  std::string text;
  for (const std::string& argument : arguments) {
    if (!text.empty()) text += ", ";
    // To a macro the comma of f<a, b>(x) would part two arguments.
    const bool parts = argument.find('<') != argument.npos && argument.find(',') != argument.npos;
    text += parts ? "(" + argument + ")" : argument;
  }
  return name + "(" + text + ")";
}

std::string KernelWriter::call_with(std::string_view wrapper, std::vector<std::string> operands) {
  const auto statement = prelude_.use_statement(wrapper);
  if (!statement) return invoke(prelude_.use(wrapper), operands);
  std::string result = fresh("t");
  operands.insert(operands.begin(), result);
  line("{} {}; {};", statement->type, result, invoke(statement->name, operands));
  return result;
}

void KernelWriter::place(vm::Span span) {
  if (!span.known() || span.file >= options_.files.size()) return;
  if (span.file == last_file_ && span.line == last_line_) return;
  last_file_ = span.file;
  last_line_ = span.line;
  std::string name;
  for (char c : options_.files[span.file]) {
    if (c == '"' || c == '\\') name += '\\';
    name += c;
  }
  text_ += fmt::format("#line {} \"{}\"\n", span.line, name);
  line_counted_ = false;
}

// ---- Values -------------------------------------------------------------------------------------

std::string KernelWriter::name_of(ValueId id) const {
  std::string name;
  for (char c : function_.value(id).name) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) name = "v" + name;
  return fmt::format("{}_{}", name, id);
}

std::int64_t KernelWriter::registers_of(ValueId id) const {
  const vm::Type& type = function_.type(id);
  return type.is_scalar() || !type.layout ? 1 : type.layout->registers();
}

const Register& KernelWriter::define(ValueId id) {
  const vm::Type& type = function_.type(id);
  Register reg{Register::Kind::Array, name_of(id), type.element, registers_of(id)};
  if (type.is_scalar()) {
    reg.kind = Register::Kind::Scalar;
    line("{} {};", scalar_type(type.element), reg.name);
  } else if (type.element.is_bool()) {
    reg.kind = Register::Kind::Bools;
  }
  if (!type.is_scalar()) write(reg.declaration());
  return registers_[id] = std::move(reg);
}

Register KernelWriter::temporary(vm::ElementType element, std::int64_t count,
                                 std::string_view prefix) {
  Register reg{Register::Kind::Array, fresh(prefix), element, count};
  if (element.is_bool()) reg.kind = Register::Kind::Bools;
  write(reg.declaration());
  return reg;
}

void KernelWriter::define(ValueId id, Register reg) {
  registers_[id] = std::move(reg);
}

void KernelWriter::define_scalar(ValueId id, const std::string& code) {
  const vm::ElementType element = function_.type(id).element;
  Register reg{Register::Kind::Scalar, name_of(id), element, 1};
  line("const {} {} = {};", scalar_type(element), reg.name, scalar_of_code(element, code));
  registers_[id] = std::move(reg);
}

// ---- Strands ------------------------------------------------------------------------------------

void KernelWriter::barrier() {
  switch (strand().kind) {
    case Strand::Kind::Block:
      return line("{};", call("sync_block"));
    case Strand::Kind::Warp:
      return line("{};", call("sync_warp"));
    case Strand::Kind::Role:
      return line("{};", call("sync_named", strand().barrier, fmt::format("{}", strand().threads)));
  }
}

// Between warpgroup products ptxas must see that a warp goes one way, or it waits for every product
// where it is issued.
std::string KernelWriter::branch(const std::string& condition) {
  if (!strand().votes) return condition;
  return call("any_of_warp", condition) + " != 0";
}

namespace {

// ceildiv of sizes, which are never negative.
std::string binary(const SizeExpr& expr, const std::string& a, const std::string& b) {
  switch (expr.op()) {
    case SizeExpr::Op::CeilDiv:
      return fmt::format("(({} + {} - 1) / {})", a, b, b);
    case SizeExpr::Op::Min:
      return fmt::format("({} < {} ? {} : {})", a, b, a, b);
    case SizeExpr::Op::Max:
      return fmt::format("({} > {} ? {} : {})", a, b, a, b);
    default:
      return fmt::format("({} {} {})", a, layouts::spelling(expr.op()), b);
  }
}

}  // namespace

std::string KernelWriter::size_expression(const SizeExpr& expr) const {
  if (const auto number = expr.constant()) return fmt::format("{}ll", *number);
  if (expr.is_symbol()) {
    for (ValueId size : function_.sizes) {
      if (function_.value(size).name == expr.name()) return reg(size).name;
    }
    return std::string(expr.name() == kMultiprocessors ? kMultiprocessorsName : expr.name());
  }
  const std::string left = size_expression(expr.left());
  if (expr.op() == SizeExpr::Op::Not) return "(!" + left + ")";
  return binary(expr, left, size_expression(expr.right()));
}

// ---- Scratch ------------------------------------------------------------------------------------

void KernelWriter::reserve_scratch(const std::string& group, std::int64_t copies) {
  scratch_[group].copies = copies;
}

std::string KernelWriter::scratch(std::int64_t bytes) {
  ScratchGroup& group = scratch_[strand().scratch_group];
  group.bytes = std::max(group.bytes, (bytes + 15) / 16 * 16);
  return strand().scratch;
}

std::vector<std::string> KernelWriter::scratch_constants() const {
  std::vector<std::string> lines;
  std::int64_t offset = (std::max<std::int64_t>(function_.shared_bytes, 0) + 15) / 16 * 16;
  for (const auto& [name, group] : scratch_) {
    if (group.bytes == 0) continue;
    lines.push_back(fmt::format("constexpr u32 scratch_{} = {}, scratch_bytes_{} = {};", name,
                                offset, name, group.bytes));
    offset += group.bytes * group.copies;
  }
  return lines;
}

std::int64_t KernelWriter::shared_bytes() const {
  const std::int64_t planned = std::max<std::int64_t>(function_.shared_bytes, 0);
  std::int64_t scratch = 0;
  for (const auto& [name, group] : scratch_) scratch += group.bytes * group.copies;
  return scratch == 0 ? planned : (planned + 15) / 16 * 16 + scratch;
}

int KernelWriter::named_barrier(int count) {
  constexpr int kBarriers = 16;
  for (int first = 1; first + count <= kBarriers; ++first) {
    bool free = true;
    for (int id = first; id < first + count; ++id) free = free && !barriers_.contains(id);
    if (!free) continue;
    for (int id = first; id < first + count; ++id) barriers_.insert(id);
    return first;
  }
  return -1;
}

// ---- The host's side ----------------------------------------------------------------------------

std::string KernelWriter::tensor_map(const TensorMapSpec& spec) {
  for (const auto& [name, known] : maps_) {
    if (known.parameter == spec.parameter && known.box == spec.box &&
        known.swizzle_bytes == spec.swizzle_bytes) {
      return name;
    }
  }
  std::string name = fmt::format("{}_map{}", name_of(spec.parameter), maps_.size());
  maps_.emplace_back(name, spec);
  return name;
}

// ---- For reports --------------------------------------------------------------------------------

MemoryAccess* KernelWriter::record(MemoryAccess::Kind kind, const MemoryRoot& root,
                                   std::int64_t bytes) {
  if (!options_.record.to || !current_) return nullptr;
  MemoryAccess access;
  access.kind = kind;
  access.global = root.global();
  access.scratch = root.value == vm::kNoValue;
  access.opcode = current_->opcode;
  access.span = current_->span;
  access.bytes = static_cast<int>(bytes);
  options_.record.to->push_back(access);
  return &options_.record.to->back();
}

std::int64_t KernelWriter::recorded_size(const layouts::SizeExpr& expr) const {
  const RecordOptions& record = options_.record;
  const auto value = expr.evaluate([&](std::string_view name) -> std::optional<std::int64_t> {
    const auto at = record.sizes.find(std::string(name));
    return at == record.sizes.end() ? record.otherwise : at->second;
  });
  return value.value_or(record.otherwise);
}

// ---- Regions and errors -------------------------------------------------------------------------

void KernelWriter::emit_region(const vm::Region& region) {
  for (const vm::InstructionPtr& instruction : region.body) {
    if (diagnostics_.has_errors()) return;
    place(instruction->span);
    emit_one(*instruction);
  }
}

// Registers that products in flight may own are touched where they are read and behind where they
// are written: the compiler must not move either over the wait in between
// (codegen/cuda/warpgroup.cpp).
void KernelWriter::emit_one(const vm::Instruction& instruction) {
  const vm::Instruction* const outer = std::exchange(current_, &instruction);
  const bool assigns = instruction.opcode == vm::Opcode::Assign;
  if (!tensor_core_.empty() && instruction.opcode != vm::Opcode::DotAsync) {
    for (std::size_t i = assigns ? 1 : 0; i < instruction.inputs.size(); ++i) {
      if (tensor_core_.contains(instruction.inputs[i])) touch(instruction.inputs[i]);
    }
  }
  vm::visit(instruction, [&](const auto& op) { emit(op, *this); });
  current_ = outer;
  if (diagnostics_.has_errors()) return;
  if (assigns && tensor_core_.contains(instruction.inputs[0])) touch(instruction.inputs[0]);
  if (instruction.opcode == vm::Opcode::Var && tensor_core_.contains(instruction.outputs[0])) {
    touch(instruction.outputs[0]);
  }
}

void KernelWriter::touch(ValueId variable) {
  const Register& words = reg(variable);
  constexpr std::int64_t kMost = 64;  // operands of one asm
  for (std::int64_t first = 0; first < words.words(); first += kMost) {
    std::vector<std::string> operands;
    for (std::int64_t w = first; w < std::min(words.words(), first + kMost); ++w) {
      operands.push_back(words.word(w));
    }
    line("{};", invoke(prelude_.touch(operands.size()), operands));
  }
}

void KernelWriter::fail(const vm::Instruction& instruction, const std::string& why) {
  diagnostics_.error("BL0905", instruction.span)
      << "no code is generated for this " << vm::info(instruction.opcode).mnemonic << ": " << why;
}

}  // namespace bitloom::codegen
