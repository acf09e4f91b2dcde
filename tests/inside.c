// The object that the tests of public functions link: the implementation, and tests/inside.h.
#ifndef GAN_IMPLEMENTATION
#define GAN_IMPLEMENTATION
#endif
#include "inside.h"
