// Types as they are written, generic parameters and attributes: docs/language.md, sections 2, 3
// and 5.
#include <algorithm>

#include "dsl/grammar/spirit.h"

namespace bitloom::dsl::grammar {
namespace {

using x3::lit;
using x3::rule;

struct Extents {
  std::vector<ExprPtr> items;
};

// `f16`, `quant.T` or `codebook<4>`.
struct Element {
  Place place;
  Spelling name;
  std::vector<Spelling> members;
  std::vector<ExprPtr> generics;
};

std::shared_ptr<Expr> make(Place place, decltype(Expr::node) node, std::uint32_t height) {
  auto result = std::make_shared<Expr>();
  result->place = place;
  result->node = std::move(node);
  result->height = height;
  return result;
}

ExprPtr element_expression(const Element& element) {
  if (!element.generics.empty()) {
    std::uint32_t height = 0;
    for (const ExprPtr& x : element.generics) height = std::max(height, x->height);
    return make(element.place, Generic{std::string(element.name.text), element.generics},
                height + 1);
  }
  ExprPtr result = make(element.name.place, Name{std::string(element.name.text)}, 1);
  for (const Spelling& member : element.members) {
    const Place place{element.name.place.begin, member.place.end};
    result =
        make(place, Member{result, std::string(member.text), member.place}, result->height + 1);
  }
  return result;
}

// ---- Actions ------------------------------------------------------------------------------------
const auto set_optional = [](auto& ctx) { x3::_val(ctx).optional = true; };
const auto set_packed = [](auto& ctx) { x3::_val(ctx).packed = true; };
template <SpaceWord Space>
const auto set_space = [](auto& ctx) { x3::_val(ctx).space = Space; };
const auto set_element = [](auto& ctx) {
  x3::_val(ctx).element = element_expression(x3::_attr(ctx));
};
const auto set_extents = [](auto& ctx) {
  x3::_val(ctx).extents = std::move(x3::_attr(ctx).items);
  x3::_val(ctx).has_extents = true;
};
const auto add_member = [](auto& ctx) {
  Element& element = x3::_val(ctx);
  if (element.members.size() >= kMaxNesting) {
    boost::throw_exception(x3::expectation_failure<Cursor>(end_of(ctx), std::string(kTooDeep)));
  }
  element.members.push_back(x3::_attr(ctx));
};

const auto set_generic_kind = [](auto& ctx) {
  const std::string_view word = x3::_attr(ctx).text;
  GenericKind& kind = x3::_val(ctx).kind;
  if (word == "type") {
    kind = GenericKind::Type;
  } else if (word == "int") {
    kind = GenericKind::Int;
  } else if (word == "bool") {
    kind = GenericKind::Bool;
  } else if (word == "layout") {
    kind = GenericKind::Layout;
  } else {
    x3::_pass(ctx) = false;
  }
};
const auto push_value = [](auto& ctx) { x3::_val(ctx).push_back(std::move(x3::_attr(ctx))); };

// ---- Rules --------------------------------------------------------------------------------------

const rule<struct type_id, TypeSyntax> type = "type";
const rule<struct element_id, Element> element = "element type";
const rule<struct extents_id, Extents> extents = "extents";
const rule<struct generic_parameter_id, GenericParameter> generic_parameter = "generic parameter";
const rule<struct generic_parameters_id, std::vector<GenericParameter>> generic_parameters =
    "generic parameters";
const rule<struct attribute_id, Attribute> attribute = "attribute";
const rule<struct attributes_id, std::vector<Attribute>> attributes = "attributes";

// `optional` may be a name too, so it counts only where a type goes on behind it.
const auto optional_word = keyword("optional") >>
                           &(keyword("global") | keyword("shared") | keyword("packed") | name);

const auto type_def =
    placed(-(optional_word[set_optional]) >> -(keyword("global")[set_space<SpaceWord::Global>] |
                                               keyword("shared")[set_space<SpaceWord::Shared>]) >>
           -(keyword("packed")[set_packed]) >> must(element, "a type")[set_element] >>
           -(extents[set_extents]));

const auto element_def =
    placed(name[store<&Element::name>] >>
           ((lit('<') >> must(generic_argument_part,
                              "a type, a number or a layout")[append<&Element::generics>] >>
             *(lit(',') >> must(generic_argument_part,
                                "a type, a number or a layout")[append<&Element::generics>]) >>
             must(lit('>'), "',' or '>'")) |
            *(lit('.') >> must(any_word, "the name of a member")[add_member])));

const auto extents_def =
    lit('[') >>
    -(expression_part[append<&Extents::items>] >>
      *(lit(',') >> must(expression_part, "the extent of a dimension")[append<&Extents::items>])) >>
    must(lit(']'), "',' or ']'");

const auto generic_parameter_def =
    must(name, "the name of a generic parameter")[store_name<&GenericParameter::name,
                                                             &GenericParameter::place>] >>
    must(lit(':'), "':' and one of type, int, bool, layout") >>
    must(any_word[set_generic_kind], "one of type, int, bool, layout") >>
    -(lit('=') >> must(generic_argument_part, "a default")[store<&GenericParameter::otherwise>]) >>
    must(&(lit(',') | '>'), "',' or '>'");
// A parameter that is wrong does not hide the errors of the next.
const auto next_generic_parameter = recovering(generic_parameter, report_list_item)[push_value];
const auto generic_parameters_def = lit('<') >> next_generic_parameter >>
                                    *(lit(',') >> !lit('>') >> next_generic_parameter) >>
                                    -lit(',') >> must(lit('>'), "',' or '>'");

const auto attribute_def = placed(name[store_name<&Attribute::name, &Attribute::name_place>] >>
                                  -(arguments_part[store<&Attribute::arguments>]));
const auto attributes_def = *(attribute[push_value]);

BOOST_SPIRIT_DEFINE(type, element, extents, generic_parameter, generic_parameters, attribute,
                    attributes)

}  // namespace

bool parse_type(Cursor& first, Cursor last, State& state, TypeSyntax& result) {
  return run(type, first, last, state, result);
}

bool parse_generic_parameters(Cursor& first, Cursor last, State& state,
                              std::vector<GenericParameter>& result) {
  return run(generic_parameters, first, last, state, result);
}

bool parse_attributes(Cursor& first, Cursor last, State& state, std::vector<Attribute>& result) {
  return run(attributes, first, last, state, result);
}

}  // namespace bitloom::dsl::grammar
