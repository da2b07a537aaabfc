#include "vm/text/parser.h"

#include <charconv>

#include "vm/text/parser_state.h"
#include "vm/text/text_forms.h"

namespace bitloom::vm {
namespace text {

void Parser::advance() {
  end_ = token_.offset + token_.text.size();
  token_ = lexer_.next();
}

Token Parser::peek() const {
  Lexer ahead = lexer_;
  return ahead.next();
}

bool Parser::accept(char mark) {
  if (!token_.is(mark)) return false;
  advance();
  return true;
}

bool Parser::accept(std::string_view word) {
  if (!token_.is(word)) return false;
  advance();
  return true;
}

bool Parser::expect(char mark, std::string_view where) {
  if (accept(mark)) return true;
  return unexpected(fmt::format("'{}' {}", mark, where));
}

bool Parser::unexpected(std::string_view expected) {
  constexpr std::size_t kShown = 40;
  std::string found = token_.kind == TokenKind::End
                          ? "the end of the text"
                          : fmt::format("'{}'", token_.text.substr(0, kShown));
  if (token_.kind == TokenKind::Unknown) {
    found = token_.text == "\"" ? "a string without an end" : "a character that IR text has not";
  }
  error("BL0181", token_) << "expected " << expected << ", found " << found;
  return false;
}

Diagnostic& Parser::error(std::string_view code, const Token& token) {
  return diagnostics_.error(code, place(token));
}

Span Parser::place(const Token& token) const {
  return place(token, token.offset + token.text.size());
}

Span Parser::place(const Token& first, std::size_t end_of_last) const {
  Span span{file_, first.line, first.column, first.line, first.column};
  for (std::size_t i = first.offset; i < end_of_last; ++i) {
    const char c = lexer_.source()[i];
    if (c == '\n') {
      ++span.end_line;
      span.end_column = 1;
    } else {
      span.end_column += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }
  }
  return span;
}

std::optional<Function> Parser::function() {
  slots_.clear();
  by_name_.clear();
  by_id_.clear();
  Function result;
  if (!header(result) || !parameters(result)) return std::nullopt;
  while (token_.is("where")) {
    if (!constraint(result)) return std::nullopt;
  }
  if (!expect('{', "before the body of the kernel")) return std::nullopt;
  if (!region(result.body)) return std::nullopt;
  if (!finish(result)) return std::nullopt;
  return result;
}

bool Parser::header(Function& function) {
  const Token first = token_;
  if (!accept("kernel")) return unexpected("'kernel'");
  if (!expect('@', "before the name of the kernel")) return false;
  if (!word_or_string(function.name)) return false;
  spans_ = accept("spans");
  if (!spans_) function.span = place(first, end_);
  if (token_.is('@') && !span(function.span)) return false;
  if (token_.is('{') && !specialization(function)) return false;
  while (token_.kind == TokenKind::Word) {
    if (!header_clause(function)) return false;
  }
  return true;
}

bool Parser::header_clause(Function& function) {
  const Token word = token_;
  advance();
  if (word.is("threads")) return parenthesized(function.threads, 0, 1 << 20);
  if (word.is("cluster")) return parenthesized(function.cluster, 0, 1 << 20);
  if (word.is("min_blocks")) return parenthesized(function.min_blocks, 0, 1 << 20);
  if (word.is("target_sm")) return parenthesized(function.target_sm, 0, 1 << 20);
  if (word.is("resident")) return function.resident = true;
  if (word.is("explicit")) return function.comfortable = false, true;
  if (word.is("shared_bytes")) {
    return expect('(', "behind shared_bytes") &&
           integer(function.shared_bytes, -1, std::int64_t{1} << 40) &&
           expect(')', "behind the number of bytes");
  }
  if (word.is("grid")) {
    if (!expect('(', "behind grid")) return false;
    function.grid.clear();
    do {
      layouts::SizeExpr extent;
      if (!size_expr(extent, ",)")) return false;
      function.grid.push_back(std::move(extent));
    } while (accept(',') && function.grid.size() < kMaxRank);
    return expect(')', "behind the grid");
  }
  if (word.is("sizes")) return sizes(function);
  error("BL0181", word) << "'" << word.text << "' is no part of the head of a kernel";
  diagnostics_.last().hint(
      "threads(n), cluster(n), min_blocks(n), resident, explicit, shared_bytes(n), target_sm(n), "
      "grid(…), sizes(…)");
  return false;
}

bool Parser::specialization(Function& function) {
  advance();
  do {
    std::string name, value;
    if (!word_or_string(name)) return false;
    if (!expect('=', "between a compile-time parameter and its value")) return false;
    if (!string(value)) return false;
    function.specialization.emplace_back(std::move(name), std::move(value));
  } while (accept(','));
  return expect('}', "behind the compile-time parameters");
}

bool Parser::sizes(Function& function) {
  if (!expect('(', "behind sizes")) return false;
  do {
    ValueId size = kNoValue;
    if (!definition(size)) return false;
    function.sizes.push_back(size);
  } while (accept(','));
  return expect(')', "behind the sizes");
}

bool Parser::parameters(Function& function) {
  if (!expect('(', "before the parameters of the kernel")) return false;
  if (accept(')')) return true;
  do {
    Parameter parameter;
    parameter.present = !accept("absent");
    parameter.optional = !parameter.present || accept("optional");
    if (!definition(parameter.value)) return false;
    function.parameters.push_back(parameter);
  } while (accept(','));
  return expect(')', "behind the parameters of the kernel");
}

bool Parser::constraint(Function& function) {
  const Token first = token_;
  advance();
  Constraint result;
  if (!size_expr(result.condition, "{@")) return false;
  result.text = result.condition.to_string();
  if (accept("text") && !string(result.text)) return false;
  if (accept("message") && !string(result.message)) return false;
  if (!spans_) result.span = place(first, end_);
  if (token_.is('@') && !span(result.span)) return false;
  function.constraints.push_back(std::move(result));
  return true;
}

// Gives every value its id: the one in the text, or the next that is free.
bool Parser::number_values(std::vector<ValueId>& ids) {
  // Ids far beyond the number of values are a slip or an attack: they would only claim memory. The
  // text that is printed has as many values, so that it may have these ids as well.
  const std::size_t most = 64 * slots_.size() + 65536;
  std::size_t next = 0;
  for (const Slot& slot : slots_) {
    if (!slot.defined) {
      diagnostics_.error("BL0185", slot.first_use)
          << "'" << slot.spelling << "' is used but never defined";
      return false;
    }
    if (!slot.id) continue;
    if (*slot.id >= most) {
      diagnostics_.error("BL0188", slot.first_use)
          << "the number of '" << slot.spelling << "' is too large for a kernel of "
          << slots_.size() << " values; at most " << most;
      return false;
    }
    next = std::max(next, std::size_t{*slot.id} + 1);
  }
  ids.reserve(slots_.size());
  for (const Slot& slot : slots_) {
    ids.push_back(slot.id ? *slot.id : static_cast<ValueId>(next++));
  }
  return true;
}

bool Parser::finish(Function& function) {
  std::vector<ValueId> ids;
  if (!number_values(ids)) return false;
  ValueId count = 0;
  for (const ValueId id : ids) count = std::max(count, id + 1);
  function.values.resize(count);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    function.values[ids[i]] = std::move(slots_[i].value);
  }

  const auto renumber = [&](std::vector<ValueId>& list) {
    for (ValueId& id : list) {
      if (id != kNoValue) id = ids[id];
    }
  };
  renumber(function.sizes);
  for (Parameter& parameter : function.parameters) parameter.value = ids[parameter.value];
  renumber(function.body.arguments);
  walk(function.body, [&](Instruction& instruction) {
    renumber(instruction.outputs);
    renumber(instruction.inputs);
    for (Region& inner : instruction.regions) renumber(inner.arguments);
  });
  return true;
}

}  // namespace text

namespace {

bool small_enough(std::string_view text, Diagnostics& diagnostics, std::uint32_t file) {
  if (text.size() <= text::kMaxText) return true;
  diagnostics.error("BL0188", Span{file, 1, 1, 1, 1})
      << "the text has " << text.size() << " bytes; IR text may have " << text::kMaxText;
  return false;
}

}  // namespace

std::optional<Function> parse_function(std::string_view text, Diagnostics& diagnostics,
                                       std::uint32_t file) {
  std::optional<Module> module = parse_module(text, diagnostics, file);
  if (!module) return std::nullopt;
  if (module->functions.size() != 1) {
    diagnostics.error("BL0181", Span{file, 1, 1, 1, 1})
        << "expected one kernel, found " << module->functions.size();
    return std::nullopt;
  }
  return std::move(module->functions[0]);
}

std::optional<Module> parse_module(std::string_view text, Diagnostics& diagnostics,
                                   std::uint32_t file) {
  if (!small_enough(text, diagnostics, file)) return std::nullopt;
  text::Parser parser(text, diagnostics, file);
  Module module;
  do {
    std::optional<Function> function = parser.function();
    if (!function) return std::nullopt;
    module.functions.push_back(std::move(*function));
  } while (!parser.at_end());
  return module;
}

}  // namespace bitloom::vm
