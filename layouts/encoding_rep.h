// What an Encoding holds; only the encoding*.cpp files include this.
#pragma once

#include "layouts/encoding.h"

namespace bitloom::layouts {

struct Encoding::Rep {
  std::string name;
  int bits = 8;
  int words = 1;
  std::vector<int> places;                    // [element * bits + bit]
  std::vector<std::pair<int, int>> contents;  // [place]: element and bit
  std::vector<Piece> pieces;                  // of all elements
  std::vector<int> first_piece;               // [element]
};

}  // namespace bitloom::layouts
