#include <charconv>

#include "vm/suggest.h"
#include "vm/text/parser_state.h"
#include "vm/text/text_forms.h"
#include "vm/words/word_program.h"

namespace bitloom::vm::text {

bool Parser::slot_of(const Token& token, ValueId& slot) {
  std::string_view rest = token.text.substr(1);
  std::string name;
  if (rest.starts_with('"')) {
    const std::size_t close = rest.rfind('"');
    auto decoded = unquote(rest.substr(0, close + 1));
    if (!decoded) {
      error("BL0189", token) << "the name in " << token.text << " has an unknown escape";
      return false;
    }
    name = std::move(*decoded);
    rest.remove_prefix(close + 1);
  } else if (is_identifier_start(rest[0])) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    name = rest.substr(0, dot);
    rest.remove_prefix(dot);
  }
  if (rest.starts_with('.')) rest.remove_prefix(1);

  std::optional<ValueId> id;
  if (!rest.empty()) {
    ValueId number = 0;
    const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (code != std::errc() || end != rest.data() + rest.size() || number == kNoValue) {
      error("BL0189", token) << "'" << token.text << "' is no name of a value; names are %name, "
                             << "%name.number or %number";
      return false;
    }
    id = number;
  }

  const auto fresh = static_cast<ValueId>(slots_.size());
  slot = id ? by_id_.try_emplace(*id, fresh).first->second
            : by_name_.try_emplace(name, fresh).first->second;
  if (slot == fresh) {
    slots_.push_back({});
    slots_.back().id = id;
    slots_.back().first_use = place(token);
    slots_.back().spelling = token.text;
  }
  std::string& known = slots_[slot].value.name;
  if (known.empty()) known = name;
  if (!name.empty() && known != name) {
    error("BL0185", token) << "value " << *id << " is called '" << name << "' here and '" << known
                           << "' elsewhere";
    diagnostics_.last().note(slots_[slot].first_use, "it was named first here");
    return false;
  }
  return true;
}

bool Parser::use(ValueId& slot) {
  const Token token = token_;
  advance();
  return slot_of(token, slot);
}

bool Parser::definition(ValueId& slot) {
  const Token token = token_;
  if (token.kind != TokenKind::Value) return unexpected("a value");
  advance();
  if (!slot_of(token, slot)) return false;
  if (slots_[slot].defined) {
    error("BL0184", token) << "'" << token.text << "' is defined twice";
    diagnostics_.last().note(slots_[slot].value.span, "the first definition is here");
    return false;
  }
  if (!expect(':', "between a value and its type")) return false;
  const bool variable = accept("variable");
  Type parsed;
  if (!type(parsed)) return false;
  Slot& known = slots_[slot];
  known.defined = true;
  known.value.variable = variable;
  known.value.type = std::move(parsed);
  if (!spans_) known.value.span = place(token);
  known.placed = token_.is('@');
  return !known.placed || span(known.value.span);
}

// The mark '{' has been read.
bool Parser::region(Region& region) {
  if (++depth_ > kMaxNesting) {
    error("BL0188", token_) << "regions are nested more than " << kMaxNesting << " deep";
    return false;
  }
  while (!token_.is('}')) {
    if (token_.kind != TokenKind::Word && token_.kind != TokenKind::Value) {
      return unexpected("an instruction or '}'");
    }
    if (!instruction(region)) return false;
  }
  advance();
  --depth_;
  return true;
}

bool Parser::region_arguments(Region& region) {
  if (!accept('(')) return true;
  if (accept(')')) return true;
  do {
    ValueId argument = kNoValue;
    if (!definition(argument)) return false;
    region.arguments.push_back(argument);
  } while (accept(','));
  return expect(')', "behind the arguments of a region");
}

bool Parser::instruction(Region& region) {
  auto result = std::make_unique<Instruction>();
  const Token first = token_;
  if (token_.kind == TokenKind::Value && !outputs(*result)) return false;
  if (token_.kind != TokenKind::Word) return unexpected("the name of an instruction");
  const auto opcode = parse_mnemonic(token_.text);
  if (!opcode) {
    error("BL0182", token_) << "there is no instruction '" << token_.text << "'";
    std::vector<std::string_view> names;
    for (const InstructionInfo& row : all_instructions()) names.push_back(row.mnemonic);
    if (const auto near = closest_name(token_.text, names)) {
      diagnostics_.last().hint(fmt::format("did you mean '{}'?", *near));
    }
    return false;
  }
  result->opcode = *opcode;
  advance();
  if (!operands(*result)) return false;
  // '{' begins attributes, or else a region, which never begins with `word =`.
  if (token_.is('{') && peek().kind == TokenKind::Word) {
    Lexer ahead = lexer_;
    ahead.next();
    if (ahead.next().is('=') && !attributes(*result)) return false;
  }
  if (!spans_) result->span = place(first, end_);
  if (token_.is('@') && !span(result->span)) return false;
  if (spans_) {
    for (const ValueId output : result->outputs) {
      Slot& slot = slots_[output];
      if (!slot.placed) slot.value.span = result->span;
    }
  }
  if (!regions(*result)) return false;
  region.body.push_back(std::move(result));
  return true;
}

bool Parser::outputs(Instruction& instruction) {
  do {
    ValueId output = kNoValue;
    if (!definition(output)) return false;
    instruction.outputs.push_back(output);
  } while (accept(','));
  return expect('=', "between results and their instruction");
}

bool Parser::operands(Instruction& instruction) {
  // A value with ':' behind it is the first result of the next instruction.
  const bool any = token_.is("none") || (token_.kind == TokenKind::Value && !peek().is(':'));
  if (!any) return true;
  do {
    ValueId operand = kNoValue;
    if (token_.kind == TokenKind::Value) {
      if (!use(operand)) return false;
    } else if (!accept("none")) {
      return unexpected("a value or 'none'");
    }
    instruction.inputs.push_back(operand);
    if (instruction.inputs.size() > kMaxOperands) {
      error("BL0188", token_) << "an instruction may have " << kMaxOperands << " operands";
      return false;
    }
  } while (accept(','));
  return true;
}

bool Parser::attributes(Instruction& instruction) {
  const InstructionInfo& row = info(instruction.opcode);
  advance();
  do {
    const Token name = token_;
    if (name.kind != TokenKind::Word) return unexpected("the name of an attribute");
    advance();
    if (!expect('=', "between an attribute and its value")) return false;
    const auto known = std::find_if(row.attributes.begin(), row.attributes.end(),
                                    [&](const AttributeInfo& a) { return a.name == name.text; });
    if (known == row.attributes.end()) {
      error("BL0183", name) << row.mnemonic << " has no attribute '" << name.text << "'";
      for (const AttributeInfo& attribute : row.attributes) {
        diagnostics_.last().hint(fmt::format("{}: {}", attribute.name, to_string(attribute.kind)));
      }
      return false;
    }
    if (instruction.find(name.text)) {
      error("BL0191", name) << "attribute '" << name.text << "' is given twice";
      return false;
    }
    if (!attribute(instruction, *known, name)) return false;
  } while (accept(','));
  return expect('}', "behind the attributes");
}

bool Parser::attribute(Instruction& instruction, const AttributeInfo& row, const Token& name) {
  AttributeValue value;
  bool read = false;
  switch (row.kind) {
    case AttributeKind::Int:
      read = integer(value.emplace<std::int64_t>(), std::numeric_limits<std::int64_t>::min(),
                     std::numeric_limits<std::int64_t>::max());
      break;
    case AttributeKind::Real:
      read = real(value.emplace<double>());
      break;
    case AttributeKind::Bool:
      read = token_.is("true") || token_.is("false");
      if (!read) return unexpected("true or false");
      value = token_.is("true");
      advance();
      break;
    case AttributeKind::Name:
    case AttributeKind::Text:
      read = string(value.emplace<std::string>());
      break;
    case AttributeKind::Type:
      read = element_type(value.emplace<ElementType>());
      break;
    case AttributeKind::Shape:
      read = list(value.emplace<Shape>());
      break;
    case AttributeKind::Layout:
      read = register_layout(value.emplace<layouts::RegisterLayout>());
      break;
    case AttributeKind::Words:
      read = words(value.emplace<std::shared_ptr<const WordProgram>>());
      break;
  }
  if (!read) return false;
  instruction.set(name.text, std::move(value));
  return true;
}

bool Parser::words(std::shared_ptr<const WordProgram>& program) {
  const Token first = token_;
  if (!token_.is("words")) return unexpected("'words'");
  for (int open = 0;;) {
    if (token_.kind == TokenKind::End) return unexpected("'}' behind a word program");
    if (token_.is('{')) ++open;
    if (token_.is('}') && --open <= 0) break;
    advance();
  }
  const auto source = lexer_.source().substr(first.offset, token_.offset + 1 - first.offset);
  advance();
  auto parsed = parse_word_program(source);
  if (!parsed) {
    error("BL0190", first) << "word program: " << parsed.error();
    return false;
  }
  program = std::make_shared<const WordProgram>(std::move(*parsed));
  return true;
}

bool Parser::regions(Instruction& instruction) {
  while (token_.is('(') || token_.is('{') || (token_.is("else") && !instruction.regions.empty())) {
    accept("else");
    Region& inner = instruction.regions.emplace_back();
    if (!region_arguments(inner)) return false;
    if (!expect('{', "before a region") || !region(inner)) return false;
  }
  return true;
}

}  // namespace bitloom::vm::text
