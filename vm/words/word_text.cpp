// The text form of word programs. The grammar is one line an operation, so the parser is a cursor
// over tokens.
#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "vm/words/word_program.h"

namespace bitloom::vm {
namespace {

std::optional<WordOpcode> opcode_of(std::string_view mnemonic) {
  for (int i = 0; i < kWordOpcodeCount; ++i)
    if (word_op_info(static_cast<WordOpcode>(i)).mnemonic == mnemonic)
      return static_cast<WordOpcode>(i);
  return std::nullopt;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  tl::expected<WordProgram, std::string> program() {
    std::uint64_t inputs = 0, outputs = 0, registers = 0;
    const bool head = word("words") && number(inputs) && word("->") && number(outputs) &&
                      word(",") && number(registers) && word("registers") && word("{");
    if (!head) return fail("expected 'words N -> M, K registers {'");
    if (inputs > 0xffff || registers > 0xffff) return fail("a program has at most 65535 registers");
    program_.inputs = static_cast<std::uint16_t>(inputs);
    program_.registers = static_cast<std::uint16_t>(registers);
    while (!at("out"))
      if (auto done = operation(); !done) return tl::unexpected(done.error());
    if (auto done = output_list(); !done) return tl::unexpected(done.error());
    if (!word("}") || !token().empty()) return fail("expected '}' and nothing behind it");
    if (program_.outputs.size() != outputs)
      return fail(
          fmt::format("{} outputs where {} are promised", program_.outputs.size(), outputs));
    if (auto good = verify(program_); !good) return tl::unexpected(good.error());
    return program_;
  }

 private:
  // The token at the cursor: a name or number, "->", or one other character. Empty at the end.
  std::string_view token() {
    while (at_ < text_.size() && (is_blank(text_[at_]) || text_[at_] == '#')) {
      if (text_[at_] == '#')
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      else
        line_ += text_[at_++] == '\n';
    }
    std::size_t end = at_;
    while (end < text_.size() && is_name(text_[end])) ++end;
    if (end == at_ && end < text_.size()) end += text_.substr(at_, 2) == "->" ? 2 : 1;
    return text_.substr(at_, end - at_);
  }
  bool at(std::string_view expected) { return token() == expected; }
  bool word(std::string_view expected) {
    if (!at(expected)) return false;
    at_ += expected.size();
    return true;
  }
  bool number(std::uint64_t& value) {
    std::string_view digits = token();
    const std::size_t size = digits.size();
    const bool hexadecimal = digits.starts_with("0x");
    if (hexadecimal) digits.remove_prefix(2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, hexadecimal ? 16 : 10);
    if (error != std::errc() || end != digits.data() + digits.size()) return false;
    at_ += size;
    return true;
  }
  bool reg(std::uint16_t& value) {
    const std::string_view name = token();
    unsigned index = 0;
    if (name.size() < 2 || name[0] != 'r') return false;
    const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), index);
    if (error != std::errc() || end != name.data() + name.size() || index > 0xffff) return false;
    value = static_cast<std::uint16_t>(index);
    at_ += name.size();
    return true;
  }

  tl::expected<void, std::string> operation() {
    WordOp op;
    if (!reg(op.dst) || !word("=")) return fail("expected an operation 'rN = …' or 'out …'");
    const std::string_view mnemonic = token();
    const auto opcode = opcode_of(mnemonic);
    if (!opcode) return fail(fmt::format("there is no operation '{}'", mnemonic));
    at_ += mnemonic.size();
    op.opcode = *opcode;
    const WordOpInfo& info = word_op_info(*opcode);
    std::uint16_t* const operands[] = {&op.a, &op.b, &op.c};
    for (int k = 0; k < info.operands; ++k)
      if ((k > 0 && !word(",")) || !reg(*operands[k]))
        return fail(fmt::format("{} takes {} registers", mnemonic, info.operands));
    if (info.immediate != WordImmediate::None) {
      std::uint64_t imm = 0;
      if ((info.operands > 0 && !word(",")) || !number(imm) || imm > 0xffffffff)
        return fail(fmt::format("{} takes a 32-bit immediate", mnemonic));
      op.imm = static_cast<std::uint32_t>(imm);
    }
    program_.ops.push_back(op);
    return {};
  }

  tl::expected<void, std::string> output_list() {
    word("out");
    if (at("}")) return {};
    do {
      std::uint16_t index = 0;
      if (!reg(index)) return fail("expected a register behind 'out'");
      program_.outputs.push_back(index);
    } while (word(","));
    return {};
  }

  tl::unexpected<std::string> fail(std::string_view what) const {
    return tl::unexpected(fmt::format("line {} of the word program: {}", line_, what));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  WordProgram program_;
};

std::string operation_text(const WordOp& op) {
  const WordOpInfo& info = word_op_info(op.opcode);
  std::string text = fmt::format("r{} = {}", op.dst, info.mnemonic);
  const std::uint16_t operands[] = {op.a, op.b, op.c};
  for (int k = 0; k < info.operands; ++k)
    text += fmt::format("{} r{}", k > 0 ? "," : "", operands[k]);
  switch (info.immediate) {
    case WordImmediate::None:
      break;
    case WordImmediate::Word:
      text += fmt::format(" {:#010x}", op.imm);
      break;
    case WordImmediate::Lut:
      text += fmt::format(", {:#04x}", op.imm);
      break;
    case WordImmediate::Shift:
      text += fmt::format(", {}", op.imm);
      break;
    case WordImmediate::Field:
      text += fmt::format(", {:#x}", op.imm);
      break;
  }
  return text;
}

}  // namespace

std::string to_string(const WordProgram& program) {
  std::string text = fmt::format("words {} -> {}, {} registers {{\n", program.inputs,
                                 program.outputs.size(), program.registers);
  for (const WordOp& op : program.ops) text += "  " + operation_text(op) + "\n";
  text += "  out";
  for (std::size_t i = 0; i < program.outputs.size(); ++i)
    text += fmt::format("{} r{}", i > 0 ? "," : "", program.outputs[i]);
  return text + "\n}";
}

tl::expected<WordProgram, std::string> parse_word_program(std::string_view text) {
  return Parser(text).program();
}

}  // namespace bitloom::vm
