// Calls: of the language's own functions (builtins.h), of layouts, and of the functions of the
// text, which are inlined.
//
// A function is analysed anew at every call, with its arguments in the place of its parameters:
// numbers stay numbers, windows stay windows (they are loaded where they are used), a `var`
// parameter is the caller's variable. So there are no types to infer, and none to write unless the
// author wants to promise them.
#pragma once

#include "dsl/sema/context.h"

namespace bitloom::dsl::sema {

Value call(Context& c, const Call& node, Place place);

// What is written for a generic parameter of this kind (as text, or as an expression), or BL0126.
std::optional<Value> generic_argument(Context& c, const GenericParameter& parameter,
                                      const Value& value, Place place);
std::string_view kind_text(GenericKind kind);

}  // namespace bitloom::dsl::sema
