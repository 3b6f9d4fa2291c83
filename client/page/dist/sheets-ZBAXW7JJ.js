import{a,b,c}from"./chunk-2OZ7LF3P.js";import"./chunk-M6X4WUS6.js";export{b as more,a as sheet,c as why};
