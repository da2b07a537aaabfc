#include "tests/dsl/random_program.h"

#include <fmt/format.h>

#include <array>
#include <random>

namespace bitloom::tests {
namespace {

class Writer {
 public:
  explicit Writer(std::uint32_t seed) : random_(seed) {}

  std::string run() {
    const int declarations = below(5) + 1;
    for (int i = 0; i < declarations; ++i) {
      between_lines();
      declaration();
      end_line();
    }
    between_lines();
    return out_;
  }

 private:
  int below(int bound) { return static_cast<int>(random_() % static_cast<std::uint32_t>(bound)); }
  bool chance(int percent) { return below(100) < percent; }
  template <std::size_t N>
  const char* pick(const std::array<const char*, N>& words) {
    return words[static_cast<std::size_t>(below(N))];
  }

  // ---- Space
  // ----------------------------------------------------------------------------------------------------------
  void put(const std::string& token) { out_ += token; }
  void blank() { out_ += chance(10) ? "   " : " "; }
  std::string comment_text() {
    return (chance(20) ? "/// c" : chance(50) ? "// c" : "//c") + std::to_string(comments_++);
  }
  // Where a line end means nothing.
  void gap() {
    if (chance(85)) {
      out_ += chance(80) ? " " : "";
      return;
    }
    for (int i = below(3); i >= 0; --i) {
      if (chance(50)) {
        out_ += " ";
        out_ += comment_text();
      }
      out_ += chance(20) ? "\n\n  " : "\n  ";
    }
  }
  void end_line() {
    if (chance(15)) {
      out_ += "  ";
      out_ += comment_text();
    }
    out_ += chance(30) ? "\n\n" : chance(5) ? "\r\n" : "\n";
  }
  void between_lines() {
    while (chance(20)) out_ += chance(30) ? "\n" : fmt::format("  {}\n", comment_text());
  }

  // ---- Expressions
  // ----------------------------------------------------------------------------------------------------
  std::string name() {
    return pick(std::array{"a", "b", "acc", "x", "step", "role", "load", "threads", "optional",
                           "block", "BM", "a_rather_long_name_for_a_variable", "unroll",
                           "explicit"});
  }
  void list(const char* open, const char* close, int count, auto item) {
    put(open);
    if (*open == '<') put(" ");  // `<-` is another token
    gap();
    for (int i = 0; i < count; ++i) {
      item();
      if (i + 1 == count || *open != '<') gap();  // a line does not go on with a comma
      if (i + 1 < count) {
        put(",");
        gap();
      }
    }
    put(close);
  }
  void expression(int depth, bool additive = false) {
    const int operands = chance(30) ? 1 + below(4) : 1;
    const int limit = chance(3) ? operands + 12 : operands;
    bool compared = false;
    for (int i = 0; i < limit; ++i) {
      if (i > 0) {
        std::string op = pick(std::array{"+", "-", "*", "/", "%"});
        if (!additive && chance(50)) op = pick(std::array{"||", "&&", "|", "^", "&", "<<", ">>"});
        if (!additive && !compared && chance(20)) {
          op = pick(std::array{"==", "!=", "<=", ">=", "<", ">"});
          compared = true;
        }
        // Between two comparisons stands something that binds looser.
        if (op == "||" || op == "&&") compared = false;
        put(" ");
        put(op);
        gap();
        put(" ");
      }
      operand(depth, additive);
    }
  }
  void operand(int depth, bool additive) {
    while (chance(8)) put(pick(std::array{"-", "!", "~"}));
    primary(depth, additive);
    while (depth > 0 && chance(25)) suffix(depth - 1, additive);
  }
  void primary(int depth, bool additive) {
    if (depth <= 0 || chance(50)) {
      put(chance(60) ? name()
                     : pick(std::array{"1", "0xff", "0b1_0", "1_000", "1.5", "2e-3", "true",
                                       "false", "inf", "nan", "18446744073709551615"}));
      return;
    }
    switch (below(7)) {
      case 0:
        list("(", ")", 1, [&] { expression(depth - 1); });
        break;
      case 1:
        list("(", ")", 2 + below(2), [&] { expression(depth - 1); });
        break;
      case 2:
        put("ref ");
        put(name());
        suffix(depth - 1, false);
        break;
      case 3:
        put(name());
        list("<", ">", 1 + below(3), [&] { expression(depth - 2, true); });
        arguments(depth - 1);
        break;
      case 4:
        put(fmt::format("f(codebook<{}>)", name()));
        break;
      case 5:
        put(additive ? "5" : R"("text {} \n \"q\" \\ //no é")");
        break;
      default:
        put(name());
        arguments(depth - 1);
    }
  }
  void suffix(int depth, bool) {
    switch (below(3)) {
      case 0:
        put(".");
        put(name());
        break;
      case 1:
        arguments(depth);
        break;
      default:
        list("[", "]", 1 + below(3), [&] {
          if (chance(20)) {
            put(":");
            return;
          }
          expression(depth);
          if (chance(50)) {
            put(" +:");
            gap();
            expression(depth);
          }
        });
    }
  }
  void arguments(int depth) {
    list("(", ")", chance(10) ? 8 : below(4), [&] {
      if (chance(20))
        put(pick(std::array{"dim", "warps", "in", "scope"}) +
            std::string(chance(50) ? "=" : " = "));
      expression(depth);
    });
  }
  void type(int depth) {
    if (chance(15)) put("optional ");
    if (chance(30)) put(chance(70) ? "global " : "shared ");
    if (chance(20)) put("packed ");
    put(pick(std::array{"f32", "W", "codebook<4>", "codebook<B>", "quant.T", "i8"}));
    if (chance(60)) list("[", "]", below(4), [&] { chance(20) ? put("_") : expression(depth); });
  }
  void attributes(int count) {
    for (int i = 0; i < count; ++i) {
      blank();
      put(pick(std::array{"swizzle", "pad", "count", "registers"}));
      if (chance(80)) arguments(1);
    }
  }

  // ---- Statements
  // -----------------------------------------------------------------------------------------------------
  void block(int depth) {
    if (chance(15)) {
      if (chance(30)) {
        out_ += "  ";
        out_ += comment_text();
      }
      out_ += "\n";
    }
    put(" {");
    if (chance(10)) {
      put(chance(50) ? " }" : "}");
      return;
    }
    if (chance(10)) {  // in one line
      put(" ");
      if (depth > 0) statement(0);
      put(chance(20) ? " ; }" : " }");
      return;
    }
    end_line();
    const int count = depth > 0 ? below(4) : below(2);
    for (int i = 0; i < count; ++i) {
      between_lines();
      put("    ");
      statement(depth - 1);
      chance(5) ? put("; ") : end_line();
    }
    between_lines();
    put("}");
  }
  void header(const std::string& words, int depth, bool loop) {
    put(words);
    expression(1);
    if (loop) {
      put(" ..");
      gap();
      expression(1);
    }
    (void)depth;
  }
  void value() {
    put(" =");
    gap();
    expression(3);
  }
  void statement(int depth) {
    switch (below(depth > 0 ? 18 : 9)) {
      case 0: {
        put(chance(50) ? "let " : "var ");
        put(chance(80) ? name() : fmt::format("({}, b)", name()));
        if (chance(40)) {
          put(":");
          blank();
          type(1);
        }
        const bool layout = chance(30);
        const bool before = chance(30);
        if (layout && before) layout_of();
        value();
        if (layout && !before) layout_of();
        break;
      }
      case 1:
        put(fmt::format("shared {}: ", name()));
        type(1);
        attributes(below(3));
        break;
      case 2:
        put("barrier ");
        put(name());
        if (chance(70)) list("[", "]", 1, [&] { expression(1); });
        attributes(below(2));
        break;
      case 3:
        put(name());
        put(pick(std::array{" =", " +=", " -=", " *="}));
        gap();
        expression(3);
        break;
      case 4:
        put(name());
        suffix(2, false);
        put(" <-");
        gap();
        put(" ");
        expression(3);
        break;
      case 5:
        put(pick(std::array{"break", "continue", "return"}));
        break;
      case 6:
        put("return ");
        expression(2);
        break;
      case 7:
        if (chance(50)) {
          put("assert ");
          expression(2);
          if (chance(50)) put(", \"why \\\" not\"");
        } else {
          put("print");
          put("(\"{} é\"");
          for (int i = below(3); i > 0; --i) {
            put(",");
            gap();
            expression(1);
          }
          gap();
          put(")");
        }
        break;
      case 8:
        put(name());
        arguments(3);
        break;
      case 9:
      case 10:
      case 11:
        header("if ", depth, false);
        block(depth);
        while (chance(30)) {
          out_ += chance(30) ? "\n" : " ";
          header("else if ", depth, false);
          block(depth);
        }
        if (chance(40)) {
          if (chance(20)) {
            out_ += "  ";
            out_ += comment_text();
            out_ += "\n";
          }
          put(" else");
          block(depth);
        }
        break;
      case 12:
      case 13:
        header(fmt::format("for {} in ", name()), depth, true);
        if (chance(30)) header(" step ", depth, false);
        if (chance(30)) put(" unroll");
        block(depth);
        break;
      case 14:
        header("while ", depth, false);
        block(depth);
        break;
      case 15:
        header(fmt::format("pipeline<S> for {} in ", name()), depth, true);
        put(" {");
        end_line();
        between_lines();
        put("load");
        block(depth - 1);
        end_line();
        between_lines();
        if (chance(50)) {
          statement(depth - 1);
          end_line();
        }
        put("}");
        break;
      case 16:
        put("roles {");
        end_line();
        for (int i = below(3); i > 0; --i) {
          between_lines();
          put("role ");
          put(name());
          if (chance(50)) put("[2]");
          attributes(below(3));
          block(depth - 1);
          end_line();
        }
        between_lines();
        put("}");
        break;
      default:
        put("warps ");
        put(name());
        block(depth);
    }
  }
  void layout_of() {
    put(" in ");
    expression(2);
  }

  // ---- Declarations
  // ---------------------------------------------------------------------------------------------------
  void generics() {
    if (!chance(60)) return;
    list("<", ">", 1 + below(chance(20) ? 10 : 3), [&] {
      put(name());
      put(": ");
      put(pick(std::array{"type", "int", "bool", "layout"}));
      if (chance(60)) {
        put(" = ");
        expression(1, true);
      }
    });
  }
  void declaration() {
    switch (below(6)) {
      case 0:
        if (chance(50)) {
          put("import std.quant");
        } else {
          put("import \"a \\\" b.bl\" as ");
          put(name());
        }
        break;
      case 1:
        put("const ");
        put(name());
        value();
        break;
      case 2:
      case 3: {
        put("fn ");
        put(name());
        generics();
        const bool typed = chance(50);
        list("(", ")", below(chance(20) ? 12 : 4), [&] {
          if (chance(20)) put("var ");
          put(name());
          if (!typed || chance(30)) return;
          put(":");
          gap();
          type(1);
        });
        if (chance(40)) {
          put(" ->");
          gap();
          type(1);
        }
        if (chance(40)) {
          value();
        } else {
          block(3);
        }
        break;
      }
      default: {
        put(chance(30) ? "explicit kernel " : "kernel ");
        put(name());
        generics();
        list("(", ")", below(5), [&] {
          put(name());
          put(":");
          gap();
          type(1);
        });
        for (int i = below(4); i > 0; --i) {
          if (chance(20)) {
            if (chance(40)) {
              out_ += "  ";
              out_ += comment_text();
            }
            out_ += "\n  ";
          }
          put(pick(std::array{" grid", " threads", " cluster", " min_blocks"}));
          arguments(1);
        }
        for (int i = below(3); i > 0; --i) {
          out_ += chance(30) ? fmt::format("  {}\n", comment_text()) : "\n";
          header("  where ", 1, false);
          if (chance(40)) put(", \"message\"");
        }
        block(4);
      }
    }
  }

  std::mt19937 random_;
  std::string out_;
  int comments_ = 0;
};

}  // namespace

std::string random_program(std::uint32_t seed) {
  return Writer(seed).run();
}

}  // namespace bitloom::tests
