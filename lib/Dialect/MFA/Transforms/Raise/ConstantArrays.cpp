//===- ConstantArrays.cpp - Rules that are written out as arrays ----------===//
//
// Part of the MFA Project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConstantArrays.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/Endian.h"
#include <limits>

using namespace mlir;
using namespace mlir::mfa;
using namespace mlir::mfa::raising;

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

std::optional<ConstantArray> ConstantArray::get(Value value) {
  ElementsAttr attribute;
  if (!matchPattern(value, m_Constant(&attribute)))
    return std::nullopt;
  ConstantArray array;
  array.type = dyn_cast<RankedTensorType>(attribute.getType());
  if (!array.type || !array.type.getElementType().isIntOrFloat())
    return std::nullopt;
  unsigned width = array.type.getElementTypeBitWidth();
  bool isPacked = width == 1;
  if (!isPacked && width != 8 && width != 16 && width != 32 && width != 64)
    return std::nullopt;
  if (auto dense = dyn_cast<DenseElementsAttr>(attribute)) {
    array.splat = dense.isSplat();
    if (isPacked)
      array.booleans = dense;
    else
      array.data = dense.getRawData();
    return array;
  }
  auto resource = dyn_cast<DenseResourceElementsAttr>(attribute);
  AsmResourceBlob *blob =
      resource ? resource.getRawHandle().getBlob() : nullptr;
  if (!blob || isPacked)
    return std::nullopt;
  array.data = blob->getData();
  if (static_cast<int64_t>(array.data.size()) !=
      array.type.getNumElements() * (width / 8))
    return std::nullopt;
  array.splat = array.type.getNumElements() == 1;
  return array;
}

uint64_t ConstantArray::getBits(int64_t place) const {
  if (splat)
    place = 0;
  if (booleans)
    return splat ? booleans.getSplatValue<bool>()
                 : booleans.getValues<bool>()[place];
  using namespace llvm::support;
  unsigned bytes = type.getElementTypeBitWidth() / 8;
  const char *data = this->data.data() + place * bytes;
  switch (bytes) {
  case 1:
    return static_cast<uint8_t>(*data);
  case 2:
    return endian::read<uint16_t>(data, llvm::endianness::native);
  case 4:
    return endian::read<uint32_t>(data, llvm::endianness::native);
  default:
    return endian::read<uint64_t>(data, llvm::endianness::native);
  }
}

TypedAttr ConstantArray::getElement(int64_t place) const {
  Type element = type.getElementType();
  APInt bits(element.getIntOrFloatBitWidth(), getBits(place),
             /*isSigned=*/false, /*implicitTrunc=*/true);
  if (auto number = dyn_cast<FloatType>(element))
    return FloatAttr::get(number, APFloat(number.getFloatSemantics(), bits));
  return IntegerAttr::get(element, bits);
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

namespace {
/// The elements of an array over up to two axes.
class AxisView {
public:
  static std::optional<AxisView> get(const ConstantArray &array,
                                     const Indices &indices,
                                     const AxisSpace &space) {
    AxisView view{array};
    SmallVector<int64_t> strides = computeStrides(array.getShape());
    Linear place;
    for (auto [index, stride] : llvm::zip_equal(indices, strides)) {
      std::optional<Linear> linear = raising::getLinear(index, space);
      if (!linear)
        return std::nullopt;
      place = place.plus(*linear, stride);
    }
    if (place.terms.empty() || place.terms.size() > 2)
      return std::nullopt;
    view.first = place.constant;
    for (auto [axis, stride] : place.terms) {
      int64_t size = space.getSize(axis);
      if (ShapedType::isDynamic(size))
        return std::nullopt;
      view.axes.push_back(axis);
      view.sizes.push_back(size);
      view.strides.push_back(stride);
    }
    if (view.axes.size() == 1) {
      // One row.
      view.sizes.insert(view.sizes.begin(), 1);
      view.strides.insert(view.strides.begin(), 0);
    }
    return view;
  }

  int64_t getPlace(int64_t x, int64_t y) const {
    return first + x * strides[0] + y * strides[1];
  }

  Node *findAffine(Elements &elements) const;
  Node *findBand(Elements &elements) const;

private:
  explicit AxisView(const ConstantArray &array) : array(array) {}

  const ConstantArray &array;
  int64_t first = 0;
  SmallVector<Axis, 2> axes;
  SmallVector<int64_t, 2> sizes, strides;
};
} // namespace

Node *AxisView::findAffine(Elements &elements) const {
  if (axes.size() != 1)
    return nullptr;
  auto getInteger = [&](int64_t y) -> std::optional<int64_t> {
    auto integer = dyn_cast<IntegerAttr>(array.getElement(getPlace(0, y)));
    if (!integer || integer.getType().isInteger(1))
      return std::nullopt;
    return integer.getValue().getSExtValue();
  };
  std::optional<int64_t> start = getInteger(0);
  if (!start || sizes[1] < 2)
    return nullptr;
  int64_t step = *getInteger(1) - *start;
  for (int64_t y = 2; y < sizes[1]; ++y)
    if (*getInteger(y) != *start + y * step)
      return nullptr;
  Linear linear;
  linear.constant = *start;
  if (step != 0)
    linear.add(axes[0], step);
  return elements.getPosition(linear,
                              array.getElement(getPlace(0, 0)).getType());
}

/// low <= y - x <= high for all elements that are `inside`, and no others.
Node *AxisView::findBand(Elements &elements) const {
  uint64_t bits[2] = {array.getBits(getPlace(0, 0)), 0};
  int64_t places[2] = {getPlace(0, 0), -1};
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  int64_t low[2] = {kMax, kMax}, high[2] = {-kMax, -kMax};
  for (int64_t x = 0; x < sizes[0]; ++x)
    for (int64_t y = 0; y < sizes[1]; ++y) {
      uint64_t element = array.getBits(getPlace(x, y));
      unsigned kind = element == bits[0] ? 0 : 1;
      if (kind == 1 && places[1] < 0) {
        bits[1] = element;
        places[1] = getPlace(x, y);
      } else if (element != bits[kind]) {
        return nullptr; // A third number.
      }
      low[kind] = std::min(low[kind], y - x);
      high[kind] = std::max(high[kind], y - x);
    }
  Node *first = elements.getConstant(array.getElement(places[0]));
  if (places[1] < 0)
    return first;

  for (unsigned inside : {0, 1}) {
    bool isBand = true;
    for (int64_t x = 0; x < sizes[0] && isBand; ++x)
      for (int64_t y = 0; y < sizes[1] && isBand; ++y) {
        bool isInside = low[inside] <= y - x && y - x <= high[inside];
        isBand = isInside == (array.getBits(getPlace(x, y)) == bits[inside]);
      }
    if (!isBand)
      continue;
    Linear distance;
    distance.add(axes.back(), 1);
    if (axes.size() == 2)
      distance.add(axes.front(), -1);
    auto shift = [](Linear linear, int64_t by) {
      linear.constant += by;
      return linear;
    };
    Type truth = IntegerType::get(first->type.getContext(), 1);
    Node *isAfter = elements.getCompare(Relation::AtLeastZero,
                                        shift(distance, -low[inside]), truth);
    Node *isBefore = elements.getCompare(
        Relation::AtLeastZero, shift(distance.times(-1), high[inside]), truth);
    Node *second = elements.getConstant(array.getElement(places[1]));
    Node *isInside = elements.getAnd(isAfter, isBefore);
    return inside == 0 ? elements.getSelect(isInside, first, second)
                       : elements.getSelect(isInside, second, first);
  }
  return nullptr;
}

Node *raising::findRule(Elements &elements, const ConstantArray &array,
                        const Indices &indices) {
  std::optional<AxisView> view =
      AxisView::get(array, indices, elements.getSpace());
  if (!view)
    return nullptr;
  if (Node *affine = view->findAffine(elements))
    return affine;
  return view->findBand(elements);
}
