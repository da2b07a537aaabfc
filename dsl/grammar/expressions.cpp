// Expressions: docs/language.md, section 4.
//
// Operators are read as a flat chain of operands and folded by precedence afterwards, so neither
// the grammar nor the stack has a level for each precedence.
#include <algorithm>
#include <array>
#include <limits>

#include "dsl/grammar/spirit.h"
#include "dsl/operators.h"

namespace bitloom::dsl::grammar {
namespace {

struct Operator {
  BinaryOp op = BinaryOp::Add;
  Place place;
};
struct Chain {
  std::vector<ExprPtr> operands;
  std::vector<Operator> operators;
};
struct Prefixed {
  Place place;
  UnaryOp op = UnaryOp::Neg;
  ExprPtr x;
};
struct Listed {  // what stands between brackets
  Place place;
  std::vector<ExprPtr> items;
};
struct Indices {
  Place place;
  std::vector<IndexItem> items;
};
struct CallSuffix {
  Place place;
  std::vector<ExprPtr> generics;
  std::vector<Argument> arguments;
};

// ---- Building nodes -----------------------------------------------------------------------------
std::uint32_t height_of(const ExprPtr& x) {
  return x ? x->height : 0;
}

std::uint32_t height_of(const std::vector<ExprPtr>& list) {
  std::uint32_t height = 0;
  for (const ExprPtr& x : list) height = std::max(height, height_of(x));
  return height;
}

// `below`: the height of the tallest child.
ExprPtr make(State& state, Place place, std::uint32_t below, decltype(Expr::node) node) {
  if (below >= kMaxExpressionHeight) {
    boost::throw_exception(
        x3::expectation_failure<Cursor>(state.at(place.begin), std::string(kTooTall)));
  }
  auto result = std::make_shared<Expr>();
  result->place = place;
  result->node = std::move(node);
  result->height = below + 1;
  return result;
}

Place spanning(Place a, Place b) {
  return {a.begin, b.end};
}

ExprPtr in_parentheses(State& state, Listed list) {
  if (list.items.size() > 1) {
    const auto height = height_of(list.items);
    return make(state, list.place, height, Tuple{std::move(list.items)});
  }
  auto result = std::make_shared<Expr>(*list.items.front());
  result->place = list.place;
  result->parenthesised = true;
  return result;
}

ExprPtr indexed(State& state, const ExprPtr& base, Indices indices) {
  auto height = height_of(base);
  for (const IndexItem& item : indices.items) {
    height = std::max({height, height_of(item.start), height_of(item.extent)});
  }
  return make(state, spanning(base->place, indices.place), height,
              Index{base, std::move(indices.items)});
}

ExprPtr called(State& state, const ExprPtr& callee, CallSuffix call) {
  auto height = std::max(height_of(callee), height_of(call.generics));
  for (const Argument& argument : call.arguments)
    height = std::max(height, height_of(argument.value));
  return make(state, spanning(callee->place, call.place), height,
              Call{callee, std::move(call.generics), std::move(call.arguments)});
}

// ---- Precedence ---------------------------------------------------------------------------------
void refuse_chained_comparison(State& state, const ExprPtr& a, const Operator& second,
                               const ExprPtr& c) {
  const auto* first = std::get_if<Binary>(&a->node);
  if (!first || a->parenthesised || !is_comparison(first->op) || !is_comparison(second.op)) return;
  const auto middle = state.text(first->b->place);
  state.error("BL0101", second.place, "comparisons cannot be chained")
      .hint(fmt::format("{} && {} {} {}", state.text(a->place), middle, state.text(second.place),
                        state.text(c->place)));
}

ExprPtr fold(State& state, Chain chain) {
  std::vector<ExprPtr> values{chain.operands.front()};
  std::vector<Operator> pending;
  const auto reduce = [&] {
    const ExprPtr b = std::move(values.back());
    values.pop_back();
    ExprPtr& a = values.back();
    refuse_chained_comparison(state, a, pending.back(), b);
    const auto height = std::max(height_of(a), height_of(b));
    a = make(state, spanning(a->place, b->place), height,
             Binary{pending.back().op, a, b, pending.back().place});
    pending.pop_back();
  };
  for (std::size_t i = 0; i < chain.operators.size(); ++i) {
    const Operator& next = chain.operators[i];
    while (!pending.empty() && precedence(pending.back().op) >= precedence(next.op)) reduce();
    pending.push_back(next);
    values.push_back(chain.operands[i + 1]);
  }
  while (!pending.empty()) reduce();
  return values.front();
}

// ---- Tokens -------------------------------------------------------------------------------------
struct AdditiveOperators : x3::symbols<BinaryOp> {
  AdditiveOperators() {
    add("+", BinaryOp::Add)("-", BinaryOp::Sub)("*", BinaryOp::Mul)("/", BinaryOp::Div)(
        "%", BinaryOp::Rem);
  }
} const additive_operators;

struct BinaryOperators : AdditiveOperators {
  BinaryOperators() {
    add("||", BinaryOp::Or)("&&", BinaryOp::And)("==", BinaryOp::Eq)("!=", BinaryOp::Ne)(
        "<", BinaryOp::Lt)("<=", BinaryOp::Le)(">", BinaryOp::Gt)(">=", BinaryOp::Ge)(
        "|", BinaryOp::BitOr)("^", BinaryOp::BitXor)("&", BinaryOp::BitAnd)("<<", BinaryOp::Shl)(
        ">>", BinaryOp::Shr);
  }
} const binary_operators;

struct UnaryOperators : x3::symbols<UnaryOp> {
  UnaryOperators() { add("-", UnaryOp::Neg)("!", UnaryOp::Not)("~", UnaryOp::BitNot); }
} const unary_operators;

// `a <- b`, `a += b` and `a +: b` continue a statement or an index, not an expression.
const auto not_an_operator = x3::lit("<-") | "->" | "+=" | "-=" | "*=" | "/=" | "%=" | "+:";
const auto word_character = x3::char_("a-zA-Z0-9_");
const auto number_spelling =
    x3::raw[x3::lexeme[(x3::lit('0') >> x3::char_("xXbB") >> *word_character) |
                       (x3::digit >> *((x3::char_("eE") >> x3::char_("+-") >> &x3::digit) |
                                       word_character | (x3::lit('.') >> &x3::digit)))]];

// ---- Actions ------------------------------------------------------------------------------------
const auto push_operator = [](auto& ctx) {
  const auto end = state_of(ctx).offset(end_of(ctx));
  const BinaryOp op = x3::_attr(ctx);
  const auto length = static_cast<std::uint32_t>(spelling(op).size());
  x3::_val(ctx).operators.push_back({op, {end - length, end}});
};
const auto fold_chain = [](auto& ctx) {
  x3::_val(ctx) = fold(state_of(ctx), std::move(x3::_attr(ctx)));
};

const auto make_unary = [](auto& ctx) {
  Prefixed& prefixed = x3::_attr(ctx);
  x3::_val(ctx) =
      make(state_of(ctx), prefixed.place, height_of(prefixed.x), Unary{prefixed.op, prefixed.x});
};
const auto make_ref = [](auto& ctx) {
  Prefixed& prefixed = x3::_attr(ctx);
  x3::_val(ctx) = make(state_of(ctx), prefixed.place, height_of(prefixed.x), Ref{prefixed.x});
};
const auto make_group = [](auto& ctx) {
  x3::_val(ctx) = in_parentheses(state_of(ctx), std::move(x3::_attr(ctx)));
};
const auto make_number = [](auto& ctx) {
  const auto range = x3::_attr(ctx);
  State& state = state_of(ctx);
  x3::_val(ctx) =
      number(state, {{range.begin(), range.size()}, state.place(range.begin(), range.end())});
};
const auto make_string = [](auto& ctx) {
  const Spelling& text = x3::_attr(ctx);
  x3::_val(ctx) =
      make(state_of(ctx), text.place, 0, StringLiteral{string_value(state_of(ctx), text)});
};
const auto make_word = [](auto& ctx) {
  const auto [text, place] = x3::_attr(ctx);
  State& state = state_of(ctx);
  if (text == "true" || text == "false") {
    x3::_val(ctx) = make(state, place, 0, BoolLiteral{text == "true"});
  } else if (text == "inf" || text == "nan") {
    using Limits = std::numeric_limits<double>;
    x3::_val(ctx) = make(
        state, place, 0,
        FloatLiteral{text == "inf" ? Limits::infinity() : Limits::quiet_NaN(), std::string(text)});
  } else if (is_reserved(text)) {
    x3::_pass(ctx) = false;
  } else {
    x3::_val(ctx) = make(state, place, 0, Name{std::string(text)});
  }
};

const auto add_member = [](auto& ctx) {
  ExprPtr& x = x3::_val(ctx);
  const auto [text, place] = x3::_attr(ctx);
  x = make(state_of(ctx), spanning(x->place, place), height_of(x),
           Member{x, std::string(text), place});
};
const auto add_index = [](auto& ctx) {
  x3::_val(ctx) = indexed(state_of(ctx), x3::_val(ctx), std::move(x3::_attr(ctx)));
};
const auto add_call = [](auto& ctx) {
  x3::_val(ctx) = called(state_of(ctx), x3::_val(ctx), std::move(x3::_attr(ctx)));
};
const auto add_generics = [](auto& ctx) {
  ExprPtr& x = x3::_val(ctx);
  Listed& list = x3::_attr(ctx);
  x = make(state_of(ctx), spanning(x->place, list.place), height_of(list.items),
           Generic{std::get<Name>(x->node).text, std::move(list.items)});
};

// Whether the `<` ahead opens generic arguments of what was read.
const auto if_generic_call = [](auto& ctx) {
  const auto& base = x3::_val(ctx)->node;
  x3::_pass(ctx) = (std::holds_alternative<Name>(base) || std::holds_alternative<Member>(base)) &&
                   meaning_of_angle(state_of(ctx), end_of(ctx)) == AngleMeaning::Call;
};
const auto if_generic_type = [](auto& ctx) {
  x3::_pass(ctx) = std::holds_alternative<Name>(x3::_val(ctx)->node) &&
                   meaning_of_angle(state_of(ctx), end_of(ctx)) == AngleMeaning::Type;
};

const auto set_index_place = [](auto& ctx) {
  IndexItem& item = x3::_val(ctx);
  const auto end = state_of(ctx).offset(end_of(ctx));
  item.place = item.kind == IndexKind::All  ? Place{end - 1, end}
               : item.kind == IndexKind::At ? item.start->place
                                            : spanning(item.start->place, item.extent->place);
};
template <IndexKind Kind>
const auto set_kind = [](auto& ctx) { x3::_val(ctx).kind = Kind; };

// ---- Rules --------------------------------------------------------------------------------------
using x3::lit;
using x3::rule;

const rule<struct expression_id, ExprPtr> expression = "expression";
const rule<struct chain_id, Chain> chain = "chain";
const rule<struct generic_argument_id, ExprPtr> generic_argument = "generic argument";
const rule<struct additive_chain_id, Chain> additive_chain = "additive chain";
const rule<struct operand_id, ExprPtr> operand = "operand";
const rule<struct prefixed_id, Prefixed> prefixed = "prefixed";
const rule<struct postfix_id, ExprPtr> postfix = "postfix";
const rule<struct primary_id, ExprPtr> primary = "primary";
const rule<struct ref_id, Prefixed> ref = "ref";
const rule<struct group_id, Listed> group = "group";
const rule<struct indices_id, Indices> indices = "indices";
const rule<struct index_item_id, IndexItem> index_item = "index";
const rule<struct generics_id, Listed> generics = "generics";
const rule<struct argument_name_id, Spelling> argument_name = "argument name";
const rule<struct argument_id, Argument> argument = "argument";
const rule<struct arguments_id, std::vector<Argument>> arguments = "arguments";
const rule<struct call_id, CallSuffix> call = "call";
const rule<struct generic_call_id, CallSuffix> generic_call = "generic call";

const auto push_operand = append<&Chain::operands>;
const auto push_value = [](auto& ctx) { x3::_val(ctx).push_back(std::move(x3::_attr(ctx))); };

const auto expression_def = outside_angles(chain[fold_chain]);
const auto chain_def = operand[push_operand] >>
                       *((!not_an_operator >> binary_operators)[push_operator] >>
                         must(operand, "an expression")[push_operand]);
const auto generic_argument_def = inside_angles(additive_chain[fold_chain]);
const auto additive_chain_def = operand[push_operand] >>
                                *((!not_an_operator >> additive_operators)[push_operator] >>
                                  must(operand, "an expression")[push_operand]);

const auto operand_def = prefixed[make_unary] | postfix[assign_value];
const auto prefixed_def = placed(unary_operators[store<&Prefixed::op>] >>
                                 must(deeper(operand), "an expression")[store<&Prefixed::x>]);

const auto postfix_def = primary[assign_value] >>
                         *((lit('.') >> !lit('.') >>
                            must(any_word, "the name of a member"))[add_member] |
                           indices[add_index] | call[add_call] |
                           (x3::eps[if_generic_call] >> generic_call[add_call]) |
                           (x3::eps[if_generic_type] >> generics[add_generics]));
const auto primary_def = number_spelling[make_number] | string_literal[make_string] |
                         group[make_group] | ref[make_ref] | any_word[make_word];
const auto ref_def =
    placed(keyword("ref") >> must(deeper(postfix), "a window")[store<&Prefixed::x>]);

const auto group_def = placed(
    lit('(') >> must(deeper(expression), "an expression")[append<&Listed::items>] >>
    *(lit(',') >> !lit(')') >> must(deeper(expression), "an expression")[append<&Listed::items>]) >>
    -lit(',') >> must(lit(')'), "',' or ')'"));

const auto indices_def = placed(
    lit('[') >> must(deeper(index_item), "an index")[append<&Indices::items>] >>
    *(lit(',') >> !lit(']') >> must(deeper(index_item), "an index")[append<&Indices::items>]) >>
    -lit(',') >> must(lit(']'), "',' or ']'"));
const auto index_item_def =
    (lit(':')[set_kind<IndexKind::All>] |
     (expression[store<&IndexItem::start>] >>
      -(lit("+:")[set_kind<IndexKind::Range>] >>
        must(expression, "an extent")[store<&IndexItem::extent>])))[set_index_place];

const auto generics_def = placed(
    lit('<') >>
    must(deeper(generic_argument), "a type, a number or a layout")[append<&Listed::items>] >>
    *(lit(',') >> !lit('>') >>
      must(deeper(generic_argument), "a type, a number or a layout")[append<&Listed::items>]) >>
    -lit(',') >> must(lit('>'), "',' or '>'"));

const auto argument_name_def = any_word[assign_value] >> lit('=') >> !lit('=');
const auto argument_def = -argument_name[store_name<&Argument::name, &Argument::name_place>] >>
                          expression[store<&Argument::value>];
const auto arguments_def = lit('(') >> -(deeper(argument)[push_value] >>
                                         *(lit(',') >> !lit(')') >>
                                           must(deeper(argument), "an argument")[push_value]) >>
                                         -lit(',')) >>
                           must(lit(')'), "',' or ')'");

const auto call_def = placed(arguments[store<&CallSuffix::arguments>]);
const auto store_generics = [](auto& ctx) {
  x3::_val(ctx).generics = std::move(x3::_attr(ctx).items);
};
const auto generic_call_def =
    placed(generics[store_generics] >> arguments[store<&CallSuffix::arguments>]);

BOOST_SPIRIT_DEFINE(expression, chain, generic_argument, additive_chain, operand, prefixed, postfix,
                    primary, ref, group, indices, index_item, generics, argument_name, argument,
                    arguments, call, generic_call)

}  // namespace

bool parse_expression(Cursor& first, Cursor last, State& state, ExprPtr& result) {
  return run(expression, first, last, state, result);
}

bool parse_generic_argument(Cursor& first, Cursor last, State& state, ExprPtr& result) {
  return run(generic_argument, first, last, state, result);
}

bool parse_arguments(Cursor& first, Cursor last, State& state, std::vector<Argument>& result) {
  return run(arguments, first, last, state, result);
}

}  // namespace bitloom::dsl::grammar
