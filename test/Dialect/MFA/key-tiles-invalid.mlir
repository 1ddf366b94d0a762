// Attributes that say nothing of tiles.

// RUN: mfa-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{expected 'rows' to be at least 1, but got 0}}
module attributes {a = #mfa.key_tiles<rows = 0, keys = 8, visit = [], test = []>} {}

// -----

// expected-error @below {{expected 'keys' to be at least 1, but got -4}}
module attributes {a = #mfa.key_tiles<rows = 8, keys = -4, visit = [], test = []>} {}

// -----

// expected-error @below {{expected 'symbols' to have two numbers for each symbol, but got 3}}
module attributes {a = #mfa.key_tiles<rows = 8, keys = 8, symbols = [0, -1, 1], visit = [], test = []>} {}

// -----

// expected-error @below {{expected 'visit' to have affine sets, but got 7 : i64}}
module attributes {a = #mfa.key_tiles<rows = 8, keys = 8, visit = [7], test = []>} {}

// -----

#set = affine_set<(d0)[s0] : (d0 - s0 >= 0)>
// expected-error @below {{expected a set of 'test' to have 4 dimensions and 2 symbols, but got}}
module attributes {a = #mfa.key_tiles<rows = 8, keys = 8, visit = [], test = [#set]>} {}

// -----

#set = affine_set<(b, h, t, j)[sq, sk] : (j * sk - t >= 0)>
// expected-error @below {{expected a set of 'visit' to multiply and divide by constants only, but got}}
module attributes {a = #mfa.key_tiles<rows = 8, keys = 8, visit = [#set], test = []>} {}

// -----

#set = affine_set<(b, h, t, j)[sq, sk] : (j mod 0 - t >= 0)>
// expected-error @below {{expected a set of 'visit' to divide by constants of at least 1 only, but got}}
module attributes {a = #mfa.key_tiles<rows = 8, keys = 8, visit = [#set], test = []>} {}

// -----

#set = affine_set<(b, h, t, j)[sq, sk] : (t >= 0, 2 * (sk floordiv -4) - t >= 0)>
// expected-error @below {{expected a set of 'test' to divide by constants of at least 1 only, but got}}
module attributes {a = #mfa.key_tiles<rows = 8, keys = 8, visit = [], test = [#set]>} {}

// -----

#set = affine_set<(b, h, t, j)[sq, sk] : ((t ceildiv 0) mod 4 == 0)>
// expected-error @below {{expected a set of 'test' to divide by constants of at least 1 only, but got}}
module attributes {a = #mfa.key_tiles<rows = 8, keys = 8, visit = [], test = [#set]>} {}
