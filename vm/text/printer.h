// Prints a Function as text that vm/text/parser.h reads back.
//
//   kernel @scale {T = "f16"} threads(128) grid(ceildiv(n, 1024)) sizes(%n.0)
//     (%x.1: global f16[n], %y.2: global f16[n])
//     where n % 8 == 0
//   {
//     %i.3: i32 = block_index {axis = 0}
//     %w.4: global view f16[1024] = window %x.1, %i.3 {extents = [1024], keep = [1]}
//     %t.5: f16[1024] in spatial(128) * local(8) = load %w.4, none {clip = [1]}
//     for %a.6, %b.7, %s.8 {unroll = true} (%k.9: i32) {
//       …
//     }
//   }
//
// Every value is printed as %name.id, so the text is deterministic and names stay unique; a value
// without a name is %id. With spans, `@line:column-line:column` follows what came from there (a
// file other than 0 stands in front: `@2/line:…`).
#pragma once

#include <string>

#include "vm/ir.h"

namespace bitloom::vm {

struct PrintOptions {
  bool spans = false;
};

std::string print(const Function& function, const PrintOptions& options = {});
// One instruction with its regions, as in the body of its function.
std::string print(const Function& function, const Instruction& instruction,
                  const PrintOptions& options = {});
// The value as instructions name it: "%acc.12".
std::string print_name(const Function& function, ValueId value);
// The type as it stands in the text, layouts included.
std::string print_type(const Type& type);

}  // namespace bitloom::vm
