#include "dsl/scan.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace bitloom::dsl {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

template <class Words>
bool among(std::string_view word, const Words& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

using namespace std::string_view_literals;

// No line within ( ) or [ ] begins with one of these, unless the bracket was forgotten. (`var` may:
// parameters.)
constexpr std::array kStatementWords = {
    "let"sv,      "for"sv,    "while"sv,   "if"sv,    "break"sv, "return"sv, "continue"sv,
    "pipeline"sv, "shared"sv, "barrier"sv, "roles"sv, "warps"sv, "assert"sv, "print"sv};
// No line within { } begins with one of these.
constexpr std::array kDeclarationWords = {"kernel"sv, "fn"sv, "import"sv};
constexpr std::array kKernelAttributes = {"grid"sv, "threads"sv, "cluster"sv, "min_blocks"sv,
                                          "resident"sv};

// What people type who mean something that the language has. By code point in UTF-8.
struct Lookalike {
  std::string_view bytes, meant;
};
constexpr std::array kLookalikes = {
    Lookalike{"\u201c", "\""},     Lookalike{"\u201d", "\""}, Lookalike{"\u2018", "\""},
    Lookalike{"\u2019", "\""},     Lookalike{"\u2013", "-"},  Lookalike{"\u2014", "-"},
    Lookalike{"\u2212", "-"},      Lookalike{"\u00d7", "*"},  Lookalike{"\u00b7", "*"},
    Lookalike{"\u00f7", "/"},      Lookalike{"\u2264", "<="}, Lookalike{"\u2265", ">="},
    Lookalike{"\u2260", "!="},     Lookalike{"\u2190", "<-"}, Lookalike{"\u2192", "->"},
    Lookalike{"\u2026", ".."},     Lookalike{"\u2227", "&&"}, Lookalike{"\u2228", "||"},
    Lookalike{"\u00a0", "a blank"}};

class Scanner {
 public:
  Scanner(const SourceManager& sources, FileId file, vm::Diagnostics& diagnostics)
      : sources_(sources), file_(file), diagnostics_(diagnostics), in_(sources.text(file)) {
    out_.text = in_;
  }

  Scan run() {
    trivia();
    while (at_ < in_.size() && !out_.too_deep) {
      token();
      trivia();
    }
    if (out_.too_deep) open_.clear();
    for (; !open_.empty(); open_.pop_back()) report_unclosed(open_.back(), in_.size());
    std::sort(out_.brackets.begin(), out_.brackets.end(),
              [](const auto& a, const auto& b) { return a.open < b.open; });
    std::sort(out_.errors.begin(), out_.errors.end());
    return std::move(out_);
  }

 private:
  void token() {
    const char c = in_[at_];
    if (is_word(c)) {
      while (at_ < in_.size() && is_word(in_[at_])) ++at_;
    } else if (c == '"') {
      string();
    } else if (c == '(' || c == '[' || c == '{') {
      open();
    } else if (c == ')' || c == ']' || c == '}') {
      close(c);
    } else if (in_.substr(at_, 2) == "/*") {
      block_comment();
    } else if ("+-*/%&|^<>=!~,:;."sv.find(c) != std::string_view::npos) {
      ++at_;
    } else {
      stray();
    }
    behind_token_ = at_;
  }

  // Blanks, line ends and comments up to the next token.
  void trivia() {
    const std::size_t begin = at_;
    bool own_line = at_ == 0, line_end = false;
    while (at_ < in_.size()) {
      if (in_[at_] == '\n') {
        own_line = line_end = true;
        ++at_;
      } else if (is_blank(in_[at_])) {
        out_.text[at_++] = ' ';
      } else if (in_.substr(at_, 2) == "//") {
        comment(own_line);
      } else {
        break;
      }
    }
    if (!line_end) return;
    notice_missing_brackets();
    if (refuse_step_operator()) return;
    if (means_nothing()) {
      std::replace(out_.text.begin() + begin, out_.text.begin() + at_, '\n', ' ');
    }
  }

  void comment(bool own_line) {
    const std::size_t begin = at_;
    at_ = std::min(in_.find('\n', at_), in_.size());
    std::fill(out_.text.begin() + begin, out_.text.begin() + at_, ' ');
    std::size_t end = at_;
    while (end > begin && is_blank(in_[end - 1])) --end;
    out_.comments.push_back({place(begin, end), own_line});
  }

  std::string_view word_at(std::size_t offset) const {
    std::size_t end = offset;
    while (end < in_.size() && is_word(in_[end])) ++end;
    return in_.substr(offset, end - offset);
  }

  std::string_view word_before(std::size_t offset) const {
    std::size_t begin = offset;
    while (begin > 0 && is_word(in_[begin - 1])) --begin;
    return in_.substr(begin, offset - begin);
  }

  bool begins_declaration(std::size_t offset) const {
    const std::string_view word = word_at(offset);
    if (among(word, kDeclarationWords)) return true;
    const std::size_t next = in_.find_first_not_of(' ', offset + word.size());
    return word == "explicit" && next != std::string_view::npos && word_at(next) == "kernel";
  }

  // `warps = (4, 1)` in a call.
  bool names_argument(std::size_t behind_word) const {
    const std::size_t next = in_.find_first_not_of(' ', behind_word);
    return next != std::string_view::npos && in_[next] == '=' && in_.substr(next, 2) != "==";
  }

  // No line goes on with these, even behind an operator.
  bool cannot_continue(std::size_t offset) const {
    return begins_statement(offset) || begins_declaration(offset) || word_at(offset) == "var" ||
           word_at(offset) == "const";
  }
  bool begins_statement(std::size_t offset) const {
    const std::string_view word = word_at(offset);
    if (!among(word, kStatementWords) || names_argument(offset + word.size())) return false;
    // Behind `:` or `->` it may begin a type.
    return word != "shared" || (in_[behind_token_ - 1] != ':' && in_[behind_token_ - 1] != '>');
  }

  // Whether the line ends between the last token and the one at at_ are blanks.
  bool means_nothing() const {
    if (!open_.empty() && in_[open_.back()] != '{') return true;
    if (behind_token_ == 0 || at_ == in_.size()) return false;
    if (in_[at_] == '}' || cannot_continue(at_)) return false;
    if (goes_on_behind(in_.substr(0, behind_token_))) return true;
    if (in_[at_] == '{' || in_[at_] == '>' || in_.substr(at_, 2) == "->") return true;
    const std::string_view next = word_at(at_);
    return next == "where" || next == "else" || (open_.empty() && among(next, kKernelAttributes));
  }

  bool goes_on_behind(std::string_view text) const {
    const char last = text.back();
    if (last == '>') {
      // `a >` and `a >>` are operators, `codebook<4>` and a `>` that begins its line close angles.
      text = text.substr(0, text.find_last_not_of('>') + 1);
      if (text.ends_with('-')) return true;
      if (!text.ends_with(' ')) return false;
      return text.find_last_not_of(' ') != std::string_view::npos &&
             text[text.find_last_not_of(' ')] != '\n';
    }
    return "+-*/%&|^<=,:!~"sv.find(last) != std::string_view::npos || text.ends_with("..") ||
           word_before(text.size()) == "where";
  }

  // `i++` at the end of a line would go on with the next one.
  bool refuse_step_operator() {
    const std::string_view last = in_.substr(0, behind_token_);
    if (!last.ends_with("++") && !last.ends_with("--")) return false;
    error("BL0101", behind_token_ - 2, behind_token_,
          fmt::format("there is no '{}'", last.substr(behind_token_ - 2)))
        .hint(fmt::format("write {}= 1", last.back()));
    return open_.empty() || in_[open_.back()] == '{';
  }

  // At the first token of a line.
  void notice_missing_brackets() {
    if (open_.empty()) return;
    const bool declaration = begins_declaration(at_);
    if (!declaration && !begins_statement(at_)) return;
    for (; !open_.empty() && in_[open_.back()] != '{'; open_.pop_back()) {
      report_unclosed(open_.back(), behind_token_);
    }
    if (!declaration || open_.empty()) return;
    for (; !open_.empty(); open_.pop_back()) report_unclosed(open_.back(), at_);
    out_.forced_ends.push_back(static_cast<std::uint32_t>(at_));
  }

  void string() {
    const std::size_t begin = at_++;
    while (at_ < in_.size() && in_[at_] != '"' && in_[at_] != '\n') {
      at_ += in_[at_] == '\\' && at_ + 1 < in_.size() && in_[at_ + 1] != '\n' ? 2 : 1;
    }
    if (at_ < in_.size() && in_[at_] == '"') {
      ++at_;
      return;
    }
    while (at_ > begin && is_blank(in_[at_ - 1])) --at_;
    error("BL0104", begin, at_, "the string has no end in this line").hint("close it with '\"'");
    // The string has likely swallowed the brackets that close those opened in this line.
    const std::size_t line = in_.rfind('\n', begin);
    while (!open_.empty() && in_[open_.back()] != '{' &&
           (line == std::string_view::npos || open_.back() > line)) {
      open_.pop_back();
    }
  }

  void block_comment() {
    const std::size_t begin = at_;
    const std::size_t end = in_.find("*/", begin + 2);
    at_ = end == std::string_view::npos ? in_.size() : end + 2;
    error("BL0105", begin, begin + 2, "comments begin with '//' and go to the end of the line");
    std::replace_if(
        out_.text.begin() + begin, out_.text.begin() + at_, [](char c) { return c != '\n'; }, ' ');
  }

  void open() {
    if (open_.size() == kMaxNesting) {
      error("BL0109", at_, at_ + 1,
            fmt::format("brackets nest deeper than {} levels", kMaxNesting));
      out_.too_deep = true;
    }
    open_.push_back(static_cast<std::uint32_t>(at_++));
  }

  void close(char c) {
    const char opener = c == ')' ? '(' : c == ']' ? '[' : '{';
    if (!has_open(opener)) {
      close_wrongly(c);
      return;
    }
    while (in_[open_.back()] != opener) {
      report_unclosed(open_.back(), at_);
      open_.pop_back();
    }
    out_.brackets.push_back({open_.back(), static_cast<std::uint32_t>(at_++)});
    open_.pop_back();
  }

  // A `)` for a `]` closes all the same; one that closes nothing at all is left out.
  void close_wrongly(char c) {
    const bool inside = !open_.empty() && in_[open_.back()] != '{' && c != '}';
    if (inside) {
      const char closer = in_[open_.back()] == '(' ? ')' : ']';
      error("BL0101", at_, at_ + 1, fmt::format("expected '{}', found '{}'", closer, c))
          .note(sources_.span(file_, open_.back(), open_.back() + 1),
                fmt::format("to close the '{}' opened", in_[open_.back()]));
      out_.brackets.push_back({open_.back(), static_cast<std::uint32_t>(at_)});
      open_.pop_back();
      out_.text[at_++] = closer;
    } else {
      error("BL0101", at_, at_ + 1, fmt::format("'{}' closes nothing", c));
      out_.text[at_++] = ' ';
    }
  }

  // Whether a bracket of this kind is open; a `{` hides the ( and [ outside of it.
  bool has_open(char opener) const {
    for (auto it = open_.rbegin(); it != open_.rend(); ++it) {
      if (in_[*it] == opener) return true;
      if (in_[*it] == '{') return false;
    }
    return false;
  }

  // At the token at `at`, or behind the last one of the line.
  void report_unclosed(std::uint32_t open, std::size_t at) {
    const char c = in_[open];
    std::string message = fmt::format("expected '{}'", c == '(' ? ')' : c == '[' ? ']' : '}');
    std::size_t end = at;
    if (at >= in_.size()) {
      message += " before the end of the file";
    } else if (at != behind_token_) {
      end = at + std::max<std::size_t>(word_at(at).size(), 1);
      message += fmt::format(" before '{}'", in_.substr(at, end - at));
    }
    error("BL0101", at, end, std::move(message))
        .note(sources_.span(file_, open, open + 1),
              c == '{' ? "to close the block opened" : fmt::format("to close the '{}' opened", c));
    out_.errors.push_back(open);
  }

  void stray() {
    const std::size_t begin = at_;
    if (static_cast<unsigned char>(in_[at_]) < 0x80) {
      ++at_;
      out_.text[begin] = ' ';
      const char c = in_[begin];
      const bool printable = c > ' ' && c < '\x7f';
      auto& diagnostic =
          error("BL0107", begin, at_,
                printable ? fmt::format("'{}' is not part of the language", c)
                          : fmt::format("the control character {:#04x} cannot stand here", c));
      if (c == '#') diagnostic.hint("a comment begins with '//'");
      if (c == '\'') diagnostic.hint("strings stand in double quotes");
      if (c == '?') diagnostic.hint("write select(condition, a, b) for condition ? a : b");
      return;
    }
    do {
      ++at_;
    } while (at_ < in_.size() && (static_cast<unsigned char>(in_[at_]) & 0xc0) == 0x80);
    std::fill(out_.text.begin() + begin, out_.text.begin() + at_, ' ');
    const std::string_view bytes = in_.substr(begin, at_ - begin);
    auto& diagnostic = error("BL0107", begin, at_,
                             fmt::format("'{}' can only stand in strings and comments", bytes));
    for (const auto& [look, meant] : kLookalikes) {
      if (bytes == look)
        diagnostic.hint(fmt::format("did you mean {}?",
                                    meant == "a blank" ? "a blank" : fmt::format("'{}'", meant)));
    }
  }

  vm::Diagnostic& error(std::string_view code, std::size_t begin, std::size_t end,
                        std::string message) {
    out_.errors.push_back(static_cast<std::uint32_t>(begin));
    if (out_.errors.size() > kMaxReportedErrors) {
      unsaid_ = {};
      return unsaid_;
    }
    return diagnostics_.error(code, sources_.span(file_, begin, end), std::move(message));
  }

  static Place place(std::size_t begin, std::size_t end) {
    return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
  }

  const SourceManager& sources_;
  FileId file_;
  vm::Diagnostics& diagnostics_;
  std::string_view in_;
  Scan out_;
  std::size_t at_ = 0, behind_token_ = 0;
  std::vector<std::uint32_t> open_;
  vm::Diagnostic unsaid_;  // takes what is beyond kMaxReportedErrors
};

}  // namespace

std::optional<std::uint32_t> Scan::closer_of(std::uint32_t open) const {
  const auto it =
      std::lower_bound(brackets.begin(), brackets.end(), open,
                       [](const Brackets& pair, std::uint32_t at) { return pair.open < at; });
  if (it == brackets.end() || it->open != open) return std::nullopt;
  return it->close;
}

bool Scan::has_error_in(Place place) const {
  const auto it = std::lower_bound(errors.begin(), errors.end(), place.begin);
  return it != errors.end() && *it <= place.end;
}

bool Scan::is_forced_end(std::uint32_t offset) const {
  return std::binary_search(forced_ends.begin(), forced_ends.end(), offset);
}

Scan scan(const SourceManager& sources, FileId file, vm::Diagnostics& diagnostics) {
  return Scanner(sources, file, diagnostics).run();
}

}  // namespace bitloom::dsl
