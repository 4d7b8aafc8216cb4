// Packages of npm that find a face and estimate its age, as their documentation uses them in a browser:
// `?package=face-api|human`. Both compute with TensorFlow.js's WebAssembly backend in one thread: a browser without a GPU
// would compute their default, WebGL, in software (the same ages, ten times as slowly), and two packages at work keep two
// cores busy.
// Leaves `bench` on the window: a promise of { version, how, ages }. `ages` takes addresses of photographs and promises
// the years of the main face of each, or null where the package finds no face.

const MODULES = "/modules/@vladmandic";
const WASM = "/modules/@tensorflow/tfjs-backend-wasm/dist/";

/** Before the backend starts: threads of their own wait for each other at every layer. */
function inOneThread(tf) {
  tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
}

/** A photograph as pages have it. */
async function picture(address) {
  const image = new Image();
  image.src = address;
  // Fails for a file that is no picture, and for one that is not there.
  await image.decode();
  return image;
}

async function faceApi() {
  const faceapi = await import(`${MODULES}/face-api/dist/face-api.esm.js`);
  inOneThread(faceapi.tf);
  faceapi.tf.setWasmPaths(WASM);
  await faceapi.tf.setBackend("wasm");
  await faceapi.tf.ready();
  const models = `${MODULES}/face-api/model/`;
  for (const net of ["ssdMobilenetv1", "faceLandmark68Net", "ageGenderNet"]) await faceapi.nets[net].loadFromUri(models);
  return {
    version: `face-api.js ${faceapi.version}`,
    backend: faceapi.tf.getBackend(),
    how: "`detectSingleFace(image).withFaceLandmarks().withAgeAndGender()`, which takes the face with the highest score",
    // Without options the detector is SSD MobileNet v1, and a face needs a score of 0.5.
    age: async (image) => (await faceapi.detectSingleFace(image).withFaceLandmarks().withAgeAndGender())?.age,
  };
}

async function human() {
  const { default: Human } = await import(`${MODULES}/human/dist/human.esm.js`);
  const apart = { body: { enabled: false }, hand: { enabled: false }, gesture: { enabled: false } };
  const human = new Human({ backend: "wasm", wasmPath: WASM, modelBasePath: `${MODULES}/human/models/`, ...apart });
  inOneThread(human.tf);
  await human.load();
  // The default configuration is made for a camera: it keeps answers while the picture hardly changes, and brightens a
  // picture by what the one before it needed. Here each photograph is the first.
  const first = { cacheSensitivity: 0, filter: { brightness: 0 } };
  return {
    version: `human ${human.version}`,
    backend: human.tf.getBackend(),
    how:
      "`detect(image)`, the first of its faces; default configuration, without body, hands and gestures and without what it " +
      "remembers of the photograph before",
    age: async (image) => {
      const result = await human.detect(image, first);
      if (result.error) throw new Error(result.error);
      return result.face[0]?.age;
    },
  };
}

const PACKAGES = { "face-api": faceApi, human };

async function start() {
  const { version, backend, how, age } = await PACKAGES[new URLSearchParams(location.search).get("package")]();
  // Their own fallback to another backend is quiet.
  if (backend !== "wasm") throw new Error(`${version} computes with ${backend} instead of wasm`);
  const ages = async (addresses) => {
    const found = [];
    for (const address of addresses) {
      // WebAssembly computes in this thread: let it answer in between.
      await new Promise((resolve) => setTimeout(resolve));
      const years = (await age(await picture(address))) ?? null;
      if (years !== null && !Number.isFinite(years)) throw new Error(`${version} says ${years} of ${address}`);
      found.push(years);
    }
    return found;
  };
  return { version, how, ages };
}

window.bench = start();
