#include "compiler/Pipelines.h"
#include <nvrtc.h> // breach
