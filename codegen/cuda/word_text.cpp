#include "codegen/cuda/word_text.h"

#include <optional>

#include "codegen/cuda/elementwise.h"
#include "codegen/cuda/emit.h"

namespace bitloom::codegen {

using vm::WordOp;
using vm::WordOpcode;

namespace {

// Registers as expressions: constants are printed where they are used, everything else has a
// variable that is written once (a register that is written again gets a fresh one).
class WordPrinter {
 public:
  WordPrinter(KernelWriter& out, const vm::WordProgram& program)
      : out_(out), program_(program), names_(program.registers) {
    for (std::size_t i = 0; i < program.inputs; ++i) names_[i] = fmt::format("x{}", i);
  }

  std::string body() {
    for (const WordOp& op : program_.ops) print(op);
    for (std::size_t i = 0; i < program_.outputs.size(); ++i) {
      text_ += fmt::format("  d{} = {};\n", i, names_[program_.outputs[i]]);
    }
    return std::move(text_);
  }

 private:
  void print(const WordOp& op) {
    if (op.opcode == WordOpcode::MovImm) {
      names_[op.dst] = literal(op.imm);
      return;
    }
    const std::string value = expression(op);
    if (value == last_call_) {
      names_[op.dst] = value;
      return;
    }
    const std::string name = fmt::format("r{}", made_++);
    text_ += fmt::format("  const u32 {} = {};\n", name, value);
    names_[op.dst] = name;
  }

  std::string call(std::string_view wrapper, std::initializer_list<std::uint16_t> operands) {
    std::vector<std::string> arguments;
    for (std::uint16_t operand : operands) arguments.push_back(names_[operand]);
    return call_with(wrapper, std::move(arguments));
  }
  // All wrappers of word operations are Pure and have one result.
  std::string call_with(std::string_view wrapper, std::vector<std::string> arguments) {
    const auto statement = out_.prelude().use_statement(wrapper);
    last_call_ = fmt::format("r{}", made_++);
    arguments.insert(arguments.begin(), last_call_);
    text_ += fmt::format("  u32 {}; {};\n", last_call_,
                         KernelWriter::invoke(statement.value().name, arguments));
    return last_call_;
  }
  std::string expression(const WordOp& op);
  std::string field(std::string_view wrapper, const WordOp& op, bool two);
  std::string infix(const WordOp& op, std::string_view sign) const {
    return fmt::format("{} {} {}", names_[op.a], sign, names_[op.b]);
  }
  std::string as_signed(std::uint16_t operand) const { return "(int)" + names_[operand]; }
  std::string chosen(std::string_view less, const std::string& a, const std::string& b) const {
    return fmt::format("(u32){}({}, {})", less, a, b);
  }

  KernelWriter& out_;
  const vm::WordProgram& program_;
  std::vector<std::string> names_;
  std::string text_, last_call_;
  int made_ = 0;
};

std::string WordPrinter::field(std::string_view wrapper, const WordOp& op, bool two) {
  std::vector<std::string> arguments{names_[op.a]};
  if (two) arguments.push_back(names_[op.b]);
  arguments.push_back(fmt::format("{}", op.imm & 0xff));
  arguments.push_back(fmt::format("{}", op.imm >> 8));
  return call_with(wrapper, std::move(arguments));
}

// Bits and integers are C++, which the compiler may fold; numbers are wrappers.
std::string WordPrinter::expression(const WordOp& op) {
  const std::string &a = names_[op.a], &b = names_[op.b], &c = names_[op.c];
  switch (op.opcode) {
    case WordOpcode::MovImm:
      return literal(op.imm);
    case WordOpcode::Lop3:
      return lop3_text(op.imm, {a, b, c}, [this](std::string_view name, const Codes& operands) {
        return call_with(name, operands);
      });
    case WordOpcode::And:
      return infix(op, "&");
    case WordOpcode::Or:
      return infix(op, "|");
    case WordOpcode::Xor:
      return infix(op, "^");
    case WordOpcode::Not:
      return "~" + a;
    case WordOpcode::Shl:
      return fmt::format("{} << {}", a, op.imm);
    case WordOpcode::Shr:
      return fmt::format("{} >> {}", a, op.imm);
    case WordOpcode::Sar:
      return fmt::format("(u32)({} >> {})", as_signed(op.a), op.imm);
    case WordOpcode::ShfL:
    case WordOpcode::ShfR:
      return call_with(op.opcode == WordOpcode::ShfL ? "shf_l" : "shf_r", {a, b, literal(op.imm)});
    case WordOpcode::Prmt:
      return call("prmt", {op.a, op.b, op.c});
    case WordOpcode::Bfe:
      return field("bfe_u32", op, false);
    case WordOpcode::BfeS:
      return field("bfe_s32", op, false);
    case WordOpcode::Bfi:
      return field("bfi", op, true);
    case WordOpcode::Popc:
      return call("popc_b32", {op.a});
    case WordOpcode::Add:
      return infix(op, "+");
    case WordOpcode::Sub:
      return infix(op, "-");
    case WordOpcode::MulLo:
      return infix(op, "*");
    case WordOpcode::MadLo:
      return fmt::format("{} * {} + {}", a, b, c);
    case WordOpcode::MinU:
      return chosen("min", a, b);
    case WordOpcode::MaxU:
      return chosen("max", a, b);
    case WordOpcode::MinS:
      return chosen("min", as_signed(op.a), as_signed(op.b));
    case WordOpcode::MaxS:
      return chosen("max", as_signed(op.a), as_signed(op.b));
    case WordOpcode::SetEq:
      return fmt::format("{} == {} ? ~0u : 0u", a, b);
    case WordOpcode::SetLtU:
      return fmt::format("{} < {} ? ~0u : 0u", a, b);
    case WordOpcode::SetLtS:
      return fmt::format("{} < {} ? ~0u : 0u", as_signed(op.a), as_signed(op.b));
    case WordOpcode::SetLtF32:
      return fmt::format("__uint_as_float({}) < __uint_as_float({}) ? ~0u : 0u", a, b);
    case WordOpcode::SetNanF32:
      return fmt::format(
          "({} & 0x7fffffffu) > 0x7f800000u || ({} & 0x7fffffffu) > 0x7f800000u ? ~0u : 0u", a, b);
    case WordOpcode::Select:
      return fmt::format("{} != 0 ? {} : {}", a, b, c);
    case WordOpcode::AddF32:
      return call("add_f32", {op.a, op.b});
    case WordOpcode::SubF32:
      return call("sub_f32", {op.a, op.b});
    case WordOpcode::MulF32:
      return call("mul_f32", {op.a, op.b});
    case WordOpcode::FmaF32:
      return call("fma_f32", {op.a, op.b, op.c});
    case WordOpcode::MinF32:
      return call("min_f32", {op.a, op.b});
    case WordOpcode::MaxF32:
      return call("max_f32", {op.a, op.b});
    case WordOpcode::AddF16x2:
      return call("add_f16x2", {op.a, op.b});
    case WordOpcode::SubF16x2:
      return call("sub_f16x2", {op.a, op.b});
    case WordOpcode::MulF16x2:
      return call("mul_f16x2", {op.a, op.b});
    case WordOpcode::FmaF16x2:
      return call("fma_f16x2", {op.a, op.b, op.c});
    case WordOpcode::MinF16x2:
      return call("min_f16x2", {op.a, op.b});
    case WordOpcode::MaxF16x2:
      return call("max_f16x2", {op.a, op.b});
    case WordOpcode::FmaBF16x2:
      return call("fma_bf16x2", {op.a, op.b, op.c});
    case WordOpcode::MinBF16x2:
      return call("min_bf16x2", {op.a, op.b});
    case WordOpcode::MaxBF16x2:
      return call("max_bf16x2", {op.a, op.b});
    case WordOpcode::F32FromS32:
      return call("f32_of_s32", {op.a});
    case WordOpcode::F32FromU32:
      return call("f32_of_u32", {op.a});
    case WordOpcode::S32FromF32:
      return call("s32_of_f32", {op.a});
    case WordOpcode::U32FromF32:
      return call("u32_of_f32", {op.a});
    case WordOpcode::S32FromF32Z:
      return call("s32_of_f32_zero", {op.a});
    case WordOpcode::U32FromF32Z:
      return call("u32_of_f32_zero", {op.a});
    case WordOpcode::RoundF32:
      return call("round_f32", {op.a});
    case WordOpcode::F32FromF16Lo:
      return call("f32_of_f16", {op.a});
    case WordOpcode::F32FromF16Hi:
      return call("f32_of_f16_upper", {op.a});
    case WordOpcode::F16x2FromF32:
      return call("f16x2_of_f32", {op.a, op.b});
    case WordOpcode::BF16x2FromF32:
      return call("bf16x2_of_f32", {op.a, op.b});
    case WordOpcode::F16x2FromE4M3x2:
      return call("f16x2_of_e4m3x2", {op.a});
    case WordOpcode::F16x2FromE5M2x2:
      return call("f16x2_of_e5m2x2", {op.a});
    case WordOpcode::E4M3x2FromF32:
      return call("e4m3x2_of_f32", {op.a, op.b});
    case WordOpcode::E5M2x2FromF32:
      return call("e5m2x2_of_f32", {op.a, op.b});
    case WordOpcode::E4M3x2FromF16x2:
      return call("e4m3x2_of_f16x2", {op.a});
    case WordOpcode::E5M2x2FromF16x2:
      return call("e5m2x2_of_f16x2", {op.a});
  }
  return {};
}

}  // namespace

std::string word_function(KernelWriter& out, const vm::WordProgram& program) {
  std::vector<std::string> parameters;
  for (std::size_t i = 0; i < program.inputs; ++i) parameters.push_back(fmt::format("u32 x{}", i));
  for (std::size_t i = 0; i < program.outputs.size(); ++i) {
    parameters.push_back(fmt::format("u32& d{}", i));
  }
  const std::string rest =
      fmt::format("({}) {{\n{}}}\n", fmt::join(parameters, ", "), WordPrinter(out, program).body());
  if (const auto known = out.prelude().function_of(rest)) return *known;
  const std::string name = fmt::format("convert_{}", out.prelude().functions_made());
  out.prelude().add_function(name, "DI void " + name + rest, rest);
  return name;
}

// The program runs on the words of each thread. Where the operands have several times the words
// that it takes, it runs as often, each time on the next words of every operand.
void emit(const vm::WordsOp& op, KernelWriter& out) {
  const auto& held = std::get<std::shared_ptr<const vm::WordProgram>>(*op->find("program"));
  const vm::WordProgram& program = *held;
  const std::string name = word_function(out, program);
  std::vector<Register> inputs, outputs;
  for (vm::ValueId x : op.x()) inputs.push_back(out.reg(x));
  std::int64_t given = 0;
  for (vm::ValueId d : op.d()) {
    outputs.push_back(out.define(d));
    given += outputs.back().words();
  }
  const std::int64_t times = given / std::max<std::int64_t>(1, program.outputs.size());
  const bool scalar = outputs[0].kind == Register::Kind::Scalar;
  for (std::int64_t turn = 0; turn < times; ++turn) {
    std::vector<std::string> arguments;
    for (const Register& x : inputs) {
      const std::int64_t each = x.words() / times;
      for (std::int64_t w = 0; w < each; ++w) arguments.push_back(x.word(turn * each + w));
    }
    std::vector<std::string> results;
    for (const Register& d : outputs) {
      const std::int64_t each = d.words() / times;
      for (std::int64_t w = 0; w < each; ++w) {
        results.push_back(scalar ? out.fresh("y") : d.word(turn * each + w));
        if (scalar) out.line("u32 {};", results.back());
      }
    }
    arguments.insert(arguments.end(), results.begin(), results.end());
    out.line("{};", KernelWriter::invoke(name, arguments));
    for (std::size_t i = 0; scalar && i < outputs.size(); ++i) {
      const Register& d = outputs[i];
      out.line("{} = {};", d.name, scalar_of_code(d.element, mask_code(d.element, results[i])));
    }
  }
}

}  // namespace bitloom::codegen
