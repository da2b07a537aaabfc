// Diagnostics: what went wrong, where, why, and what to do.
//
// Every failure that a user can cause is a Diagnostic with a stable code (vm/diagnostics.def is the
// one table of them; `bitloom explain CODE` prints its page). A message is a sentence in lower case
// without a full stop that says both values. Notes point at other places that matter; a hint says
// what to do.
//
//   diag.error("BL0203", span) << "dot: a has k = " << 64 << " where b has k = " << 128;
//   diag.last().note(other, "x is f16[16, 64] because of this load").hint("transpose(y)");
//
// The sink only collects; dsl/render.h prints with carets, or as JSON.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vm/source.h"

namespace bitloom::vm {

enum class Severity { Error, Warning };

struct Note {
  Span span;  // may be unknown
  std::string text;
};

struct Diagnostic {
  Severity severity = Severity::Error;
  std::string code;  // "BL0203"
  Span span;
  std::string message;
  std::vector<Note> notes;
  std::vector<std::string> hints;

  Diagnostic& note(Span where, std::string text) {
    notes.push_back({where, std::move(text)});
    return *this;
  }
  Diagnostic& hint(std::string text) {
    hints.push_back(std::move(text));
    return *this;
  }
  template <class T>
  Diagnostic& operator<<(const T& value) {
    message += fmt::format("{}", value);
    return *this;
  }
};

class Diagnostics {
 public:
  Diagnostic& error(std::string_view code, Span span, std::string message = {}) {
    return add(Severity::Error, code, span, std::move(message));
  }
  Diagnostic& warning(std::string_view code, Span span, std::string message = {}) {
    return add(Severity::Warning, code, span, std::move(message));
  }
  // Only valid directly after an error() or warning().
  Diagnostic& last() { return all_.back(); }

  bool has_errors() const { return errors_ != 0; }
  std::size_t error_count() const { return errors_; }
  const std::vector<Diagnostic>& all() const { return all_; }
  void clear() {
    all_.clear();
    errors_ = 0;
  }

 private:
  Diagnostic& add(Severity severity, std::string_view code, Span span, std::string message) {
    errors_ += severity == Severity::Error;
    all_.push_back({severity, std::string(code), span, std::move(message), {}, {}});
    return all_.back();
  }

  std::vector<Diagnostic> all_;
  std::size_t errors_ = 0;
};

}  // namespace bitloom::vm
